//! One attempt of any message: inside the middleware, in its context, within its time limit.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use super::Shared;
use crate::context::Context;
use crate::handler::{AttemptError, BoxFuture, Rejection};
use crate::message::MessageKind;
use crate::middleware::{Call, Innermost, Message, Outcome};
use crate::runtime::{Limit, Panic, catch, limited};

/// Runs the handler that `start` calls to its end, the context's deadline, or the end of the application,
/// whichever comes first. Errors, panics and time-outs end here. `timed_out` says after what time the deadline passed.
///
/// Dropping the returned future cancels the handler.
pub(crate) async fn run<F, T, E>(
    shared: &Shared,
    ctx: &Context,
    timed_out: impl FnOnce() -> Duration,
    start: impl FnOnce() -> F,
) -> Result<T, AttemptError<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let running = catch(|| limited(start(), ctx.deadline(), &shared.lifecycle));
    match running.await {
        Ok(Ok(Ok(output))) => Ok(output),
        Ok(Ok(Err(error))) => Err(AttemptError::Failed(error)),
        Ok(Err(Limit::Deadline)) => Err(AttemptError::TimedOut(timed_out())),
        Ok(Err(Limit::Stopped)) => Err(AttemptError::ShutDown),
        Err(Panic(message)) => Err(AttemptError::Panicked(message)),
    }
}

/// What handles a message at the end of the middleware.
pub(crate) trait Handles: Send + Sync {
    type Output: Send + 'static;
    type Error: Display + Send + 'static;

    /// Runs the handler, by [`run`].
    fn handle<'a>(
        &'a self,
        call: &'a mut Call<'_>,
    ) -> BoxFuture<'a, Result<Self::Output, AttemptError<Self::Error>>>;

    /// The result if a middleware says that the message was handled and the handler did not say so.
    fn answer(&self) -> Option<Self::Output>;
}

/// Runs all middleware, and the handler inside it. Panics end here.
pub(crate) async fn inside_middleware<H: Handles>(
    shared: &Shared,
    message: Message<'_>,
    ctx: Context,
    handler: &H,
) -> Result<H::Output, AttemptError<H::Error>> {
    let calling = || ctx.clone().into_scope(call(shared, message, ctx, handler));
    match catch(|| limited(calling(), None, &shared.lifecycle)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(AttemptError::ShutDown),
        Err(Panic(message)) => Err(AttemptError::Panicked(message)),
    }
}

async fn call<H: Handles>(
    shared: &Shared,
    message: Message<'_>,
    ctx: Context,
    handler: &H,
) -> Result<H::Output, AttemptError<H::Error>> {
    let mut result: Option<Result<H::Output, AttemptError<H::Error>>> = None;
    let validators = &shared.validators;
    let mut call =
        Call { message, context: ctx, validators, result: &mut result, has_begun: false };
    let outcome = shared.middlewares.run(&mut call, &End(handler)).await;
    match (outcome, result) {
        (Err(AttemptError::Rejected(rejection)), _) => Err(AttemptError::Rejected(rejection)),
        // The handler's own error, with its type and what it says about retrying.
        (Err(_), Some(Err(error))) => Err(error),
        (Err(error), _) => Err(error.or_else(|text| Rejection::unavailable(text).into())),
        (Ok(()), Some(Ok(output))) => Ok(output),
        (Ok(()), other) => match (handler.answer(), other) {
            (Some(output), _) => Ok(output),
            (None, Some(Err(error))) => Err(error),
            (None, _) => {
                Err(Rejection::unavailable("a middleware returned without a result").into())
            }
        },
    }
}

/// The handler, as the middleware calls it.
struct End<'a, H>(&'a H);

impl<H: Handles> Innermost for End<'_, H> {
    fn run<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            // Effects of the first run would be sent with those of the second.
            if std::mem::replace(&mut call.has_begun, true) && call.kind() == MessageKind::Event {
                let reason = "a middleware ran the handler of an event twice in one attempt";
                return Err(Rejection::unavailable(reason).into());
            }
            let result = self.0.handle(call).await;
            let outcome = result.as_ref().map(|_| ()).map_err(AttemptError::as_text);
            call.set_result(result);
            outcome
        })
    }
}
