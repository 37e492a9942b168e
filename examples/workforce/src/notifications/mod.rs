//! E-mails about what happens in other modules.
//!
//! A mail server may be away for long: each handler tries for hours, 50 times with pauses of up to ten
//! minutes. What a server refuses for good is not sent again.

mod answer;
mod email;
mod integrations;
mod mailer;
mod reactions;
mod time;

pub use self::email::Email;
pub use self::mailer::{MailError, MailSettings, Mailer};
