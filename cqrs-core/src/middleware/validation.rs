//! Validation of messages before their handler.

use super::{Call, Middleware, Next, Outcome};

/// Refuses every message that implements [`Validate`](super::Validate) and is not well formed, before its
/// handler.
#[derive(Debug, Clone, Copy, Default)]
pub struct Validation;

impl Middleware for Validation {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        call.validate()?;
        next.run(call).await
    }
}
