use cqrs_core::prelude::*;

#[derive(Query)]
#[query(output = u64)]
struct CountEmployees;

#[query_handler(CountEmployees)]
struct CountEmployeesHandler;

fn main() {}
