use cqrs_core::prelude::*;

struct Refused;

#[derive(Query)]
#[query(output = u64, error = Refused)]
struct CountEmployees;

fn main() {}
