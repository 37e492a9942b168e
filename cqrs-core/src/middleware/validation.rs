//! Refusing messages that are not well formed.

use std::any::TypeId;

use rustc_hash::FxHashMap;

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::message::Validator;
use crate::registry::MessageRegistration;

/// Refuses every message that implements [`Validate`] and is not well formed, before its handler.
///
/// ```
/// use cqrs_core::{App, middleware::Validation};
///
/// let builder = App::builder().middleware(Validation::new());
/// # let _ = builder;
/// ```
#[derive(Debug)]
pub struct Validation(FxHashMap<TypeId, Validator>);

impl Validation {
    /// Knows every message that implements [`Validate`].
    pub fn new() -> Self {
        let messages = inventory::iter::<MessageRegistration>();
        let validated = messages.filter_map(|it| Some(((it.message)().id(), (it.validator)()?)));
        Self(validated.collect())
    }
}

impl Default for Validation {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Validation {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        if let Some(message) = call.any_message()
            && let Some(validate) = self.0.get(&message.type_id())
        {
            validate(message).map_err(Rejection::invalid)?;
        }
        next.run(call).await
    }
}
