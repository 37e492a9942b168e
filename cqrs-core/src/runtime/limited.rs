//! Work that ends with its deadline and with its application.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::time::Instant;

use crate::runtime::Lifecycle;

/// What ended the work before its own end.
pub(crate) enum Limit {
    Deadline,
    Stopped,
}

/// Runs `work` until its end, `deadline`, or the end of its application, whichever comes first.
///
/// Most work is done at its first poll. The timer comes into play only after that.
pub(crate) async fn limited<F: Future>(
    mut work: Pin<&mut F>,
    deadline: Option<Instant>,
    lifecycle: &Lifecycle,
) -> Result<F::Output, Limit> {
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

/// Returns at `deadline`; never, if there is none, and then without a timer. Cancel safe.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
