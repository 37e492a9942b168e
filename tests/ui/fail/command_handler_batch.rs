use cqrs_core::prelude::*;

#[derive(Command)]
struct CreateEmployee;

#[command_handler(CreateEmployee, batch(max = 500))]
struct CreateEmployeeHandler;

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, _: CreateEmployee, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn main() {}
