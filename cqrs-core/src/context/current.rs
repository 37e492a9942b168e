//! The context of the running task.

use std::future::Future;

use super::Context;

tokio::task_local! {
    static CURRENT: Context;
}

pub(super) fn get() -> Option<Context> {
    CURRENT.try_get().ok()
}

pub(super) fn with<T>(read: impl FnOnce(&Context) -> T) -> Option<T> {
    CURRENT.try_with(read).ok()
}

pub(super) fn scope<F: Future>(ctx: Context, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(ctx, future)
}
