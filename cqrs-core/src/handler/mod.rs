//! Handlers: what users write to react to messages.

mod attempt_error;
mod batch;
mod breaker_policy;
mod effective;
mod error;
mod error_type;
mod event;
mod execution;
mod options;
mod rate_limit;
mod retry;
mod settings;
mod streaming;
mod transactional;

pub use self::attempt_error::{AttemptError, CallError, DeliveryError, Rejection, RejectionKind};
pub use self::batch::{Batch, BatchEventHandler, BatchItem, BatchPolicy};
pub use self::breaker_policy::BreakerPolicy;
pub(crate) use self::error::with_causes;
pub use self::error::{HandlerError, HandlerResult};
pub use self::error_type::ErrorType;
pub use self::event::EventHandler;
pub use self::execution::{CommandHandler, QueryHandler};
pub use self::options::{DeadLetters, HandlerOptions, Order, Start};
pub use self::rate_limit::RateLimit;
pub use self::retry::RetryPolicy;
pub use self::settings::{HandlerSettings, SettingsError};
pub use self::streaming::{Rows, StreamQueryHandler};
pub use self::transactional::{
    TransactionalBatchEventHandler, TransactionalCommandHandler, TransactionalEventHandler,
};

pub(crate) use self::batch::Item;
pub(crate) use self::effective::EffectiveOptions;
pub(crate) use self::event::ErasedEventHandler;
pub(crate) use self::execution::ErasedExecution;
pub(crate) use self::streaming::{rows, sending_to};
pub(crate) use self::transactional::{AnyTransaction, OpenTransaction, Transactions, typed};

use std::future::Future;
use std::pin::Pin;

/// A future of any type, for traits with asynchronous methods that are injected as `Arc<dyn Trait>`.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// trait EmailService: Send + Sync {
///     fn send<'a>(&'a self, to: &'a str) -> BoxFuture<'a, Result<(), std::io::Error>> {
///         Box::pin(async move { Ok(println!("to {to}")) })
///     }
/// }
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// `value`, but at least 1 and at most `most`.
const fn clamp(value: usize, most: usize) -> usize {
    match value {
        0 => 1,
        _ if value > most => most,
        _ => value,
    }
}
