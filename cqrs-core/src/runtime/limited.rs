//! The limits of work: its deadline, and the end of its application.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::time::Instant;

use super::Lifecycle;

/// Why work was stopped before its own end.
pub(crate) enum Limit {
    Deadline,
    Stopped,
}

/// Runs `work` until its end, `deadline`, or the end of its application, whichever comes first.
///
/// Most work is done at its first poll, so the timer is made only after that.
pub(crate) async fn limited<F: Future>(
    work: F,
    deadline: Option<Instant>,
    lifecycle: &Lifecycle,
) -> Result<F::Output, Limit> {
    let mut work = pin!(work);
    if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return Ok(output);
    }
    tokio::select! {
        biased;
        output = work => Ok(output),
        () = sleep_until(deadline) => Err(Limit::Deadline),
        () = lifecycle.stopped() => Err(Limit::Stopped),
    }
}

/// Returns at `deadline`. Without one it never returns, and needs no timer. Cancel safe.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
