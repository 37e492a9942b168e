use cqrs_core::prelude::*;

#[derive(Command)]
#[command(output = "Employee")]
struct CreateEmployee;

#[command_handler(CreateEmployee)]
struct CreateEmployeeHandler;

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, _: CreateEmployee, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn main() {}
