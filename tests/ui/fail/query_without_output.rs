use cqrs_core::prelude::*;

#[derive(Query)]
struct CountEmployees;

fn main() {}
