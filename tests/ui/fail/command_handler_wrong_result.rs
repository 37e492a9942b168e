use cqrs_core::prelude::*;

#[derive(Command)]
struct CreateEmployee;

#[command_handler(CreateEmployee)]
struct CreateEmployeeHandler;

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, _: CreateEmployee, _: &Context) -> Result<u64, HandlerError> {
        Ok(1)
    }
}

fn main() {}
