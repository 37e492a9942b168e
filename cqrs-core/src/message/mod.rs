//! Events, commands and queries.

mod any_event;
mod command;
mod error;
mod event;
pub(crate) mod measure;
mod query;
pub(crate) mod redaction;

pub use self::any_event::{AnyEvent, Published};
pub use self::command::Command;
pub use self::error::MessageError;
pub use self::event::{Event, EventPayload};
pub use self::measure::MAX_PAYLOAD_DEPTH;
pub use self::query::Query;
pub use self::redaction::{REDACTED, Redaction};
