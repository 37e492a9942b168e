//! Authorization of commands and queries.

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::message::MessageKind;

/// Asks a function whether the actor may execute a command or query; not about events, which have happened.
///
/// ```
/// use cqrs_core::middleware::{Authorize, Call, Rejection};
/// use cqrs_core::App;
///
/// let authorize = Authorize::by(|call: &Call<'_>| match call.context().actor() {
///     Some(_) => Ok(()),
///     None => Err(Rejection::forbidden("no one is signed in")),
/// });
/// let builder = App::builder().middleware(authorize);
/// # let _ = builder;
/// ```
pub struct Authorize<F>(F);

impl<F: Fn(&Call<'_>) -> Result<(), Rejection>> Authorize<F> {
    /// Asks `may`, which gets the call with its message and context.
    pub fn by(may: F) -> Self {
        Self(may)
    }
}

impl<F> Middleware for Authorize<F>
where
    F: Fn(&Call<'_>) -> Result<(), Rejection> + Send + Sync + 'static,
{
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        if call.kind() != MessageKind::Event {
            (self.0)(call)?;
        }
        next.run(call).await
    }
}
