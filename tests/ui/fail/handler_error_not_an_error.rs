use std::error::Error;

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
    Ok(())
}

fn text() -> Result<(), &'static str> {
    Ok(())
}

fn string() -> Result<(), String> {
    Ok(())
}

#[events_handler]
async fn send_welcome_email(_: &EmployeeCreated) -> HandlerResult {
    boxed()?;
    text()?;
    string()?;
    // How it is written.
    boxed().map_err(HandlerError::new)?;
    text().map_err(HandlerError::new)?;
    string().map_err(HandlerError::new)?;
    Ok(())
}

fn main() {}
