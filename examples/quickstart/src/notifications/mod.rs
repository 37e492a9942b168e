//! Notifications: sends a welcome e-mail to each new employee, also if mail servers fail for a while.

mod email;

use cqrs_core::prelude::*;

pub use self::email::{Email, EmailError, EmailService, LocalMail};
use crate::employees::EmployeeCreated;

/// A welcome e-mail was sent.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "welcome-email.sent", entity = "Employee", action = "welcomed")]
pub struct WelcomeEmailSent {
    /// The employee who was greeted.
    #[event(entity_id)]
    pub employee_id: Uuid,
}

/// Greets new employees. If the mail server fails, there are three attempts; after that, the delivery is a
/// dead letter. This does not affect the command or the other handlers of the event.
#[events_handler(EmployeeCreated, retry(attempts = 3, backoff = "50ms"))]
pub struct SendWelcomeEmail {
    mail: Arc<dyn EmailService>,
    events: EventBus,
}

impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let email = Email {
            // The event's id is the same for each attempt, so no employee is greeted twice.
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
