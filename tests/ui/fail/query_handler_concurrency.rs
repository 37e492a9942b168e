use cqrs_core::prelude::*;

#[derive(Query)]
#[query(output = u64)]
struct CountEmployees;

#[query_handler(CountEmployees, concurrency = 3)]
struct CountEmployeesHandler;

impl QueryHandler<CountEmployees> for CountEmployeesHandler {
    async fn execute(&self, _: CountEmployees, _: &Context) -> Result<u64, HandlerError> {
        Ok(0)
    }
}

fn main() {}
