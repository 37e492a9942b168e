use cqrs_core::prelude::*;

#[derive(Command)]
struct CreateEmployee;

#[command_handler(CreateEmployee, retry(attempts = 3, when = is_busy))]
struct CreateEmployeeHandler;

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, _: CreateEmployee, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn is_busy(_: &HandlerError) -> bool {
    true
}

fn main() {}
