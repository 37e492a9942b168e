use cqrs_core::prelude::*;

#[derive(Command)]
struct CreateEmployee {
    #[command(name = "create")]
    name: String,
}

#[command_handler(CreateEmployee)]
struct CreateEmployeeHandler;

impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
    async fn execute(&self, _: CreateEmployee, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn main() {}
