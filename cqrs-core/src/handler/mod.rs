//! Handlers: what users write to react to messages.

mod attempt_error;
mod batch;
mod batch_policy;
mod breaker_policy;
mod command;
mod error;
mod event;
mod options;
mod order;
mod query;
mod rate_limit;
mod rejection;
mod retry;

pub use self::attempt_error::{AttemptError, CallError, DeliveryError};
pub use self::batch::{Batch, BatchEventHandler, BatchItem, BatchIter};
pub use self::batch_policy::BatchPolicy;
pub use self::breaker_policy::BreakerPolicy;
pub use self::command::CommandHandler;
pub use self::error::{HandlerError, HandlerResult};
pub use self::event::EventHandler;
pub use self::options::HandlerOptions;
pub use self::order::Order;
pub use self::query::QueryHandler;
pub use self::rate_limit::RateLimit;
pub use self::rejection::{Rejection, RejectionKind};
pub use self::retry::RetryPolicy;

pub(crate) use self::batch::{BatchShim, Item};
pub(crate) use self::command::ErasedCommandHandler;
pub(crate) use self::event::{ErasedEventHandler, EventShim};
pub(crate) use self::query::ErasedQueryHandler;

use std::future::Future;
use std::pin::Pin;

/// A future of any type, for traits with asynchronous methods that are injected as `Arc<dyn Trait>`.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// trait EmailService: Send + Sync {
///     fn send<'a>(&'a self, to: &'a str) -> BoxFuture<'a, Result<(), std::io::Error>>;
/// }
///
/// struct Console;
///
/// impl EmailService for Console {
///     fn send<'a>(&'a self, to: &'a str) -> BoxFuture<'a, Result<(), std::io::Error>> {
///         Box::pin(async move {
///             println!("to {to}");
///             Ok(())
///         })
///     }
/// }
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
