//! Notifications: greets each new employee by e-mail, and copes with mail servers that fail.

mod email;

use cqrs_core::prelude::*;

pub use self::email::{Email, EmailError, EmailService, LocalMail};
use crate::employees::EmployeeCreated;

/// A welcome e-mail was sent.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "welcome-email.sent", entity = "Employee", action = "welcomed")]
pub struct WelcomeEmailSent {
    /// Who was greeted.
    #[event(entity_id)]
    pub employee_id: Uuid,
}

/// Greets new employees. When the mail server fails, the e-mail is tried three times; then it is a
/// dead letter. Neither the command nor any other handler of the event notices.
#[events_handler(EmployeeCreated, retry(attempts = 3, backoff = "50ms"))]
pub struct SendWelcomeEmail {
    mail: Arc<dyn EmailService>,
    events: EventBus,
}

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let email = Email {
            // The event's id is the same on each attempt, so nobody is greeted twice.
            key: ctx.message_id(),
            to: event.email.clone(),
            subject: format!("Welcome, {}!", event.full_name),
        };
        self.mail.send(email).await?;

        let employee_id = event.employee_id;
        self.events.publish(ctx, WelcomeEmailSent { employee_id }).await?;
        Ok(())
    }
}
