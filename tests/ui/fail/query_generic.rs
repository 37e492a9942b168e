use cqrs_core::prelude::*;

#[derive(Query)]
#[query(output = T)]
struct Find<T>(T);

fn main() {}
