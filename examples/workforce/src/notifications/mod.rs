//! E-mails about what happens in other modules.

mod email;
mod integrations;
mod mailer;
mod reactions;
mod time;

pub use self::email::Email;
pub use self::mailer::{MailError, MailSettings, Mailer};
