//! Validation of messages before their handler.

use super::{Call, Middleware, Next, Outcome};

/// Checks every message that implements [`Validate`](super::Validate), and refuses it before its handler
/// runs if it is not well formed.
///
/// ```
/// use cqrs_core::middleware::Validation;
/// use cqrs_core::App;
///
/// let builder = App::builder().middleware(Validation::new());
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Validation(());

impl Validation {
    /// Checks every message that implements [`Validate`](super::Validate).
    pub fn new() -> Self {
        Self(())
    }
}

impl Middleware for Validation {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        call.validate()?;
        next.run(call).await
    }
}
