//! What users write to react to messages.

mod command;
mod error;
mod event;
mod options;
mod query;
mod retry;

pub use self::command::CommandHandler;
pub use self::error::{HandlerError, HandlerResult};
pub use self::event::EventHandler;
pub use self::options::HandlerOptions;
pub use self::query::QueryHandler;
pub use self::retry::RetryPolicy;

pub(crate) use self::command::ErasedCommandHandler;
pub(crate) use self::event::{AnyShim, ErasedEventHandler, EventShim};
pub(crate) use self::query::ErasedQueryHandler;

use std::future::Future;
use std::pin::Pin;

/// A handler's future, so that handlers of different types can stand in one table.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
