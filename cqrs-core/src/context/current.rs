//! The context of the running task.

use std::future::Future;

use super::Context;
use super::work::WorkGuard;

tokio::task_local! {
    static CURRENT: Context;
}

/// The context that travels with a task.
impl Context {
    /// The context of the work this task is doing, as set around every handler, by
    /// [`scope`](Self::scope) and by [`spawn`](Self::spawn).
    ///
    /// For code that has no context argument. If a function has one, use the argument.
    ///
    /// ```
    /// # use cqrs_core::Context;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// Context::system().scope(async { assert!(Context::current().is_some()) }).await;
    /// assert!(Context::current().is_none());
    /// # }
    /// ```
    pub fn current() -> Option<Self> {
        CURRENT.try_get().ok()
    }

    /// Runs `future` with this context as the [`current`](Self::current) one.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.inside_current().into_scope(future)
    }

    /// Runs `future` with exactly this context as the current one.
    pub(crate) fn into_scope<F: Future>(
        self,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self, future)
    }

    /// Spawns `future` as a Tokio task with this context as the [`current`](Self::current) one.
    ///
    /// A task that a handler spawns counts as work of the application: a shutdown and the test kit's
    /// `settled()` wait for it.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime, as [`tokio::spawn`] does.
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut ctx = self.inside_current();
        let task = ctx.work.as_ref().map(|work| work.continued_by_task());
        ctx.work = task.as_ref().map(WorkGuard::work).or(ctx.work);
        let scoped = ctx.into_scope(future);
        tokio::spawn(async move {
            let output = scoped.await;
            drop(task);
            output
        })
    }
}

pub(super) fn with<T>(read: impl FnOnce(&Context) -> T) -> Option<T> {
    CURRENT.try_with(read).ok()
}
