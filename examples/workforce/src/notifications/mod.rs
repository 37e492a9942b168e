//! E-mails about what happens in other modules.

mod email;
mod mailer;
mod reactions;

pub use self::email::Email;
pub use self::mailer::{MailError, MailSettings, Mailer};
