//! What is done around every command, query and delivery.

mod answer;
mod authorization;
mod call;
mod chain;
mod injected;
mod log;
mod timeout;
#[cfg(feature = "tower")]
mod tower;
mod validation;
mod wanted;

use std::future::Future;

pub use self::authorization::{Authorize, ByFunction, Policy};
pub use self::call::{Call, Outcome};
pub use self::chain::Next;
pub use self::log::Log;
pub use self::timeout::Timeout;
#[cfg(feature = "tower")]
pub use self::tower::{CallRequest, Inside, Tower};
pub use self::validation::Validation;
pub use crate::handler::{CallError, Rejection, RejectionKind};
pub use crate::message::{Validate, Violation, Violations};

pub(crate) use self::call::{Message, Payload};
pub(crate) use self::chain::{Innermost, Middlewares};
pub(crate) use self::injected::Injected;
pub(crate) use self::wanted::Wanted;

/// Code that runs around every command, query and attempt to deliver an event.
///
/// The middleware that was added first is the outermost. It sees the message and its context, may refuse the
/// call by returning without `next`, and sees the outcome. The handler's time-out covers only the handler,
/// so a middleware must return by itself.
///
/// ```
/// use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
///
/// struct Stopwatch;
///
/// impl Middleware for Stopwatch {
///     async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
///         let began = std::time::Instant::now();
///         let outcome = next.run(call).await;
///         println!("{} {}: {:?}", call.kind(), call.name(), began.elapsed());
///         outcome
///     }
/// }
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Runs `next`, with code before and after it. The future may be dropped at any `.await`.
    ///
    /// # Errors
    ///
    /// Why the call failed: the error of `next`, or a refusal by this middleware.
    fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> impl Future<Output = Outcome> + Send;
}
