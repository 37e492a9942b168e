use cqrs_core::prelude::*;

#[derive(Query)]
#[query(output = u32)]
struct CountEmployees;

#[query_handler(CountEmployees, batch(max = 500))]
struct CountEmployeesHandler;

impl QueryHandler<CountEmployees> for CountEmployeesHandler {
    async fn execute(&self, _: CountEmployees, _: &Context) -> Result<u32, HandlerError> {
        Ok(0)
    }
}

fn main() {}
