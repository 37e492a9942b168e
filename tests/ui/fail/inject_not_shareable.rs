use std::cell::RefCell;
use std::rc::Rc;

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[derive(Command)]
struct CreateEmployee;

trait Mailer {
    fn send(&self);
}

#[events_handler]
async fn send_welcome_email(_: &EmployeeCreated, mailer: &dyn Mailer) -> HandlerResult {
    std::future::ready(()).await;
    mailer.send();
    Ok(())
}

#[command_handler]
async fn create_employee(
    _: CreateEmployee,
    _mailer: Option<Arc<dyn Mailer>>,
    _sent: &RefCell<u32>,
    _name: Rc<str>,
) -> Result<(), HandlerError> {
    Ok(())
}

#[provider]
async fn name(_mailers: Vec<Arc<dyn Mailer>>) -> Result<String, std::io::Error> {
    Ok(String::new())
}

fn main() {}
