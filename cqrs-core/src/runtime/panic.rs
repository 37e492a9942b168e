//! Catches panics where they happen.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// The message of a panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panic(pub(crate) String);

/// Runs the future that `start` makes, and returns the message of a panic in `start`, in a poll of the
/// future, or in its drop at the end.
pub(crate) async fn catch<F: Future>(start: impl FnOnce() -> F) -> Result<F::Output, Panic> {
    let running = async move { start().await };
    AssertUnwindSafe(running).catch_unwind().await.map_err(Panic::of)
}

/// As [`catch`], for synchronous code.
pub(crate) fn catch_now<T>(action: impl FnOnce() -> T) -> Result<T, Panic> {
    std::panic::catch_unwind(AssertUnwindSafe(action)).map_err(Panic::of)
}

impl Panic {
    fn of(payload: Box<dyn Any + Send>) -> Self {
        let text = match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(payload) => match payload.downcast::<String>() {
                Ok(text) => *text,
                Err(payload) => {
                    // The `Drop` of the payload may panic as well.
                    std::mem::forget(payload);
                    "a panic whose payload is no text".to_owned()
                }
            },
        };
        Self(text)
    }
}
