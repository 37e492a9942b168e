//! Authorization of commands and queries.

use std::future::{Future, ready};
use std::sync::Arc;

use tokio::task_local;

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::message::MessageKind;
use crate::services::{Dependency, Injectable, Services};

task_local! {
    /// Set while this task asks a policy. Messages that the policy executes are not asked about: otherwise a policy that
    /// executes a query would ask itself without end.
    static ASKING: ();
}

/// Says whether an actor has a permission; [`Authorize`] asks it.
///
/// ```
/// use cqrs_core::middleware::{Authorize, Call, Policy, Rejection};
/// use cqrs_core::prelude::*;
///
/// #[derive(Command)]
/// #[command(requires = "employees:write")]
/// struct CreateEmployee { full_name: String }
///
/// /// Services may do everything; users may only read.
/// #[derive(Injectable)]
/// struct Roles;
///
/// impl Policy for Roles {
///     async fn may(&self, call: &mut Call<'_>, permission: &str) -> Result<(), Rejection> {
///         match call.context().actor() {
///             Some(actor) if actor.kind() == cqrs_core::context::ActorKind::Service => Ok(()),
///             Some(_) if permission.ends_with(":read") => Ok(()),
///             _ => Err(Rejection::forbidden(format!("`{permission}` is needed"))),
///         }
///     }
/// }
///
/// let builder = App::builder().middleware(Authorize::with(Roles));
/// # let _ = builder;
/// ```
pub trait Policy: Send + Sync + 'static {
    /// Whether the actor of `call` has `permission`. It is called for each permission that the message `requires`.
    ///
    /// The policy may execute queries; it is not asked about these. The call is `&mut`, so that messages need not be
    /// `Sync`.
    ///
    /// # Errors
    ///
    /// [`Rejection::forbidden`] if it has not, or [`Rejection::unavailable`] if that is unknown at the moment.
    fn may(
        &self,
        call: &mut Call<'_>,
        permission: &str,
    ) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// Whether a message may be executed that does not declare with `requires` what its caller needs. The default
    /// refuses it.
    ///
    /// # Errors
    ///
    /// The refusal.
    fn may_undeclared(
        &self,
        call: &mut Call<'_>,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = call;
        ready(Err(Rejection::forbidden("it does not declare which permission it requires")))
    }

    /// Whether the policy is also asked about [cascades](Call::is_cascade), which handlers and middleware execute. By
    /// default it is not: cascades have the rights of the application.
    fn asks_in_cascades(&self) -> bool {
        false
    }
}

/// Middleware that asks a [`Policy`] about each command and query from the edge, before its handler runs. It does not ask
/// about events, because they have happened.
///
/// It refuses a message that does not declare what it `requires`. `requires = none` is a declaration: then the policy is
/// not asked.
///
/// To build the policy from services, write `.middleware_of::<Authorize<Roles>>()`.
pub struct Authorize<P>(Arc<P>);

impl<P: Policy> Authorize<P> {
    /// Asks `policy`.
    pub fn with(policy: P) -> Self {
        Self(Arc::new(policy))
    }
}

impl<F: Fn(&Call<'_>) -> Result<(), Rejection> + Send + Sync + 'static> Authorize<ByFunction<F>> {
    /// Asks the function `may`, which gets the call with its message and context. It is also asked about a message without
    /// a declaration, but not about one with `requires = none`. It is called once for each permission, and can compare
    /// [`Call::requires`] with the rights of the actor.
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
    pub fn by(may: F) -> Self {
        Self::with(ByFunction(may))
    }
}

/// The policy of [`Authorize::by`].
pub struct ByFunction<F>(F);

impl<F: Fn(&Call<'_>) -> Result<(), Rejection> + Send + Sync + 'static> Policy for ByFunction<F> {
    fn may(
        &self,
        call: &mut Call<'_>,
        _: &str,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        ready((self.0)(call))
    }

    fn may_undeclared(
        &self,
        call: &mut Call<'_>,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        ready((self.0)(call))
    }
}

impl<P: Policy> Injectable for Authorize<P> {
    fn dependencies() -> Vec<Dependency> {
        vec![Dependency::of::<Arc<P>>("policy")]
    }

    fn inject(services: &Services) -> Self {
        Self(services.inject(None))
    }
}

impl<P: Policy> Middleware for Authorize<P> {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let is_asked = call.kind() != MessageKind::Event
            && (!call.is_cascade() || self.0.asks_in_cascades())
            && ASKING.try_with(|()| ()).is_err();
        if is_asked {
            ASKING.scope((), self.ask(call)).await?;
        }
        next.run(call).await
    }
}

impl<P: Policy> Authorize<P> {
    async fn ask(&self, call: &mut Call<'_>) -> Result<(), Rejection> {
        let Some(permissions) = call.requires() else {
            return self.0.may_undeclared(call).await;
        };
        for permission in permissions {
            self.0.may(call, permission).await?;
        }
        Ok(())
    }
}
