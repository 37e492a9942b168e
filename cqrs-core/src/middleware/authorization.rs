//! Authorization of commands and queries.

use std::future::{Future, ready};
use std::sync::Arc;

use tokio::task_local;

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::message::MessageKind;
use crate::services::{Dependency, Injectable, Services};

task_local! {
    /// Whether this task asks a policy. What the policy executes is not asked about, or it could ask itself without
    /// end.
    static ASKING: ();
}

/// Who may do what: answers for [`Authorize`].
///
/// ```
/// use cqrs_core::middleware::{Authorize, Call, Policy, Rejection};
/// use cqrs_core::prelude::*;
///
/// #[derive(Command)]
/// #[command(requires = "employees:write")]
/// struct CreateEmployee { full_name: String }
///
/// /// Everything is allowed to services; users may only read.
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
    /// Whether the actor of `call` has `permission`. Asked for each permission that the message `requires`.
    ///
    /// The policy may execute queries; nothing asks about those again. The call is `&mut`, so that a message
    /// needs not be `Sync`.
    ///
    /// # Errors
    ///
    /// Why not: [`Rejection::forbidden`], or [`Rejection::unavailable`] if that cannot be found out now.
    fn may(
        &self,
        call: &mut Call<'_>,
        permission: &str,
    ) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// Whether a message may be executed that does not say with `requires` what its caller needs. Refused,
    /// unless you allow it here.
    ///
    /// # Errors
    ///
    /// Why not.
    fn may_undeclared(
        &self,
        call: &mut Call<'_>,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = call;
        ready(Err(Rejection::forbidden("it does not declare which permission it requires")))
    }

    /// Whether [cascades](Call::is_cascade) are asked about too: what handlers and middleware execute. No,
    /// unless you say so: they act with the rights of the application.
    fn asks_in_cascades(&self) -> bool {
        false
    }
}

/// Asks a [`Policy`] about each command and query that comes from the edge, before its handler; not about
/// events, which have happened.
///
/// It refuses a message that does not declare what it `requires`. `requires = none` is a declaration: the
/// policy is not asked then.
///
/// A policy that is a service is injected: `.middleware_of::<Authorize<Roles>>()`.
pub struct Authorize<P>(Arc<P>);

impl<P: Policy> Authorize<P> {
    /// Asks `policy`.
    pub fn with(policy: P) -> Self {
        Self(Arc::new(policy))
    }
}

impl<F: Fn(&Call<'_>) -> Result<(), Rejection> + Send + Sync + 'static> Authorize<ByFunction<F>> {
    /// Asks the function `may`, which gets the call with its message and context; also about a message that
    /// declares nothing, but not about one that requires `none`. It is asked once for each permission, and can compare
    /// [`Call::requires`] with what the actor may do.
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
