use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[command_handler]
async fn create_employee(_: EmployeeCreated) -> Result<(), HandlerError> {
    Ok(())
}

#[command_handler(EmployeeCreated)]
struct CreateEmployeeHandler;

impl CommandHandler<EmployeeCreated> for CreateEmployeeHandler {
    async fn execute(&self, _: EmployeeCreated, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn main() {}
