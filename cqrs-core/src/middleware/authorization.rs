//! Who may do what.

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::message::MessageKind;

/// Asks a function whether the actor may have a command or query executed. Deliveries are not asked
/// about: what has happened has happened.
///
/// ```
/// use cqrs_core::middleware::{Authorize, Call, Rejection};
/// use cqrs_core::context::ActorKind;
/// use cqrs_core::App;
///
/// let authorize = Authorize::by(|call: &Call<'_>| {
///     let kind = call.context().actor().map(|actor| actor.kind());
///     match (call.name(), kind) {
///         (_, None) => Err(Rejection::forbidden("nobody is signed in")),
///         ("delete.employee", Some(ActorKind::Service)) => {
///             Err(Rejection::forbidden("only a person may delete an employee"))
///         }
///         _ => Ok(()),
///     }
/// });
/// let builder = App::builder().middleware(authorize);
/// # let _ = builder;
/// ```
pub struct Authorize<F>(F);

impl<F> Authorize<F>
where
    F: Fn(&Call<'_>) -> Result<(), Rejection> + Send + Sync + 'static,
{
    /// Asks `may`, which sees the message and its context.
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
