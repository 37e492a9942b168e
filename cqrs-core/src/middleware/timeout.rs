//! A time limit for every call.

use std::time::Duration;

use super::{Call, CallError, Middleware, Next, Outcome};

/// Ends every call after a time limit, together with the inner middleware. Handlers have their own too.
#[derive(Debug, Clone, Copy)]
pub struct Timeout(Duration);

impl Timeout {
    /// Ends every call after `limit`.
    pub fn after(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Middleware for Timeout {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let in_time = tokio::time::timeout(self.0, next.run(call)).await;
        in_time.unwrap_or(Err(CallError::TimedOut(self.0)))
    }
}
