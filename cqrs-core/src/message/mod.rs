//! Events, commands and queries.

mod any_event;
mod any_kind;
mod command;
mod error;
mod event;
mod idempotent;
mod kind;
mod query;
mod stored;
mod stream_query;
mod upcast;
mod validate;

pub use self::any_event::{AnyEvent, Published};
#[doc(hidden)]
pub use self::any_kind::{AnyKind, CommandName, EventName, IsMessage, QueryName, StreamQueryName};
pub use self::command::Command;
pub use self::error::MessageError;
pub use self::event::{Event, EventPayload};
pub use self::idempotent::Idempotent;
#[doc(hidden)]
pub use self::idempotent::{Executed, ExecutionKey, StoredOutput};
pub use self::kind::MessageKind;
pub use self::query::Query;
pub use self::stream_query::StreamQuery;
#[doc(hidden)]
pub use self::upcast::{Upcasted, no_upcast};
#[doc(hidden)]
pub use self::validate::{MaybeValidated, NotValidated};
pub use self::validate::{Validate, Violation, Violations};

pub(crate) use self::stored::{Decode, Decoder};
pub(crate) use self::validate::Validator;
