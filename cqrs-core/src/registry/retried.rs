//! Commands that are attempted again after some errors.

use std::any::Any;
use std::future::Future;

use tokio::time::Instant;

use crate::context::Context;
use crate::handler::{AttemptError, RetryPolicy};
use crate::message::Command;

/// Decides whether a command is attempted again after an error of its handler: a type-erased `fn(&C::Error) -> bool`, if
/// there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RetryWhen(Option<&'static (dyn Any + Send + Sync)>);

impl RetryWhen {
    pub(super) const fn new<C: Command>(when: Option<&'static fn(&C::Error) -> bool>) -> Self {
        match when {
            None => Self(None),
            Some(when) => Self(Some(when)),
        }
    }

    /// Whether the command is attempted again after `error`.
    pub(super) fn accepts<C: Command>(self, error: &C::Error) -> bool {
        let when = self.0.and_then(|when| when.downcast_ref::<fn(&C::Error) -> bool>());
        when.is_some_and(|when| when(error))
    }
}

/// A closure that executes commands, and after which of its errors it does so again.
pub(super) struct RetriedFn<C: Command, F> {
    pub(super) execute: F,
    pub(super) when: fn(&C::Error) -> bool,
}

/// Why an attempt failed.
pub(super) struct Failed<E> {
    pub(super) error: AttemptError<E>,
    /// Whether the attempt has had no effect, and another one may succeed.
    pub(super) can_be_repeated: bool,
}

/// Executes `command` by `once`, and again while `policy` allows it. Events that a failed attempt has published, and that
/// are not yet sent, are dropped.
///
/// If the next attempt would begin after the deadline, the caller gets the error of the last one.
pub(super) async fn attempts<C, F, Fut>(
    policy: RetryPolicy,
    command: C,
    ctx: Context,
    once: F,
) -> Result<C::Output, AttemptError<C::Error>>
where
    C: Command + Clone,
    F: Fn(C, Context) -> Fut,
    Fut: Future<Output = Result<C::Output, Failed<C::Error>>>,
{
    let mut attempt = 1;
    while let Some(longest) = policy.longest_delay_after(attempt) {
        let Failed { error, can_be_repeated } = match once(command.clone(), ctx.clone()).await {
            Ok(output) => return Ok(output),
            Err(failed) => failed,
        };
        let fraction = if policy.has_jitter() { fastrand::f64() } else { 1.0 };
        let wait = longest.mul_f64(fraction);
        let is_late = ctx.deadline().is_some_and(|deadline| {
            Instant::now().checked_add(wait).is_none_or(|next| next >= deadline)
        });
        if !can_be_repeated || is_late {
            return Err(error);
        }
        ctx.begin_again();
        // Without the error's text, which may contain redacted values.
        tracing::warn!(
            message = C::NAME, message_id = %ctx.message_id(), tenant = %ctx.tenant(), attempt,
            retry_in = ?wait, error_type = error.error_type(),
            "a command failed and will be tried again"
        );
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
    once(command, ctx).await.map_err(|failed| failed.error)
}
