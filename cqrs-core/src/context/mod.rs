//! Who, for whom and why: what travels with every message.

mod actor;
mod attributes;
mod current;
mod tenant;
mod traceparent;
mod wire;
mod work;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::lifecycle::Lifecycle;
use crate::message_id;

pub use self::actor::{Actor, ActorKind};
pub use self::attributes::{
    AttributeError, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES,
};
pub use self::tenant::{InvalidTenant, MAX_TENANT_LENGTH, TenantId, TenantScope};
pub use self::traceparent::{InvalidTraceParent, TraceParent};

pub(crate) use self::work::WorkGuard;

use self::attributes::Attributes;
use self::work::{Work, WorkKind};

/// The circumstances of a message: its tenant, who caused it, and what caused it.
///
/// A context is made at the edge of the application, one per request or job, and handed to every
/// `publish` and `execute`. Handlers receive a context of their own that has the same tenant, actor,
/// organization, correlation id, locale and attributes, and names the message being handled as the
/// cause of whatever they publish or execute next.
///
/// Cloning is cheap (two reference counts). A context serialises, so it can be stored with an event;
/// what belongs to this process alone (attempt, shutdown signal) stays behind.
///
/// ```
/// use cqrs_core::{Actor, Context};
///
/// let ctx = Context::for_tenant("acme")?
///     .with_actor(Actor::user(42).named("Ada"))
///     .with_organization("research")
///     .with_locale("de-DE");
/// assert_eq!(ctx.tenant().to_string(), "acme");
/// assert!(Context::for_tenant("not a tenant").is_err());
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
    message_id: Uuid,
    causation_id: Option<Uuid>,
    /// Not shared: with tracing, each message continues the trace from the span that it came from.
    traceparent: Option<TraceParent>,
    deadline: Option<Instant>,
    /// Of the next command alone, so no effect inherits it.
    idempotency_key: Option<Arc<str>>,
    /// The work of an application that this context was handed to; `None` at the edge.
    work: Option<Arc<Work>>,
}

/// What stays the same from cause to effect, so that effects share one allocation.
#[derive(Clone)]
struct Shared {
    tenant: TenantScope,
    tenant_key: u64,
    actor: Option<Actor>,
    organization: Option<String>,
    correlation_id: Uuid,
    locale: Option<String>,
    attributes: Attributes,
}

/// The longest idempotency key, in bytes.
const MAX_IDEMPOTENCY_KEY: usize = 256;

/// Made at the edge.
impl Context {
    /// A context for work of one tenant, with new correlation and message ids (uuid v7).
    ///
    /// # Errors
    ///
    /// [`InvalidTenant`] when `id` breaks the rules of [`TenantId`].
    pub fn for_tenant(id: impl AsRef<str>) -> Result<Self, InvalidTenant> {
        Ok(Self::new(TenantScope::Tenant(TenantId::new(id)?)))
    }

    /// A context for work of the product itself, across tenants. Say so only where it is meant.
    pub fn system() -> Self {
        Self::new(TenantScope::System)
    }

    /// A context for an already validated scope.
    pub fn new(tenant: TenantScope) -> Self {
        let message_id = message_id::new();
        let shared = Shared {
            tenant_key: tenant.key(),
            tenant,
            actor: None,
            organization: None,
            correlation_id: message_id,
            locale: None,
            attributes: Attributes::default(),
        };
        Self {
            shared: Arc::new(shared),
            message_id,
            causation_id: None,
            traceparent: None,
            deadline: None,
            idempotency_key: None,
            work: None,
        }
    }

    /// Says who acts.
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.shared_mut().actor = Some(actor);
        self
    }

    /// Says for which organization within the tenant.
    pub fn with_organization(mut self, id: impl fmt::Display) -> Self {
        self.shared_mut().organization = Some(id.to_string());
        self
    }

    /// Continues a correlation that began elsewhere, such as in the caller's `X-Correlation-Id`.
    pub fn with_correlation_id(mut self, id: Uuid) -> Self {
        self.shared_mut().correlation_id = id;
        self
    }

    /// Continues a distributed trace, such as that of the caller's `traceparent` header.
    pub fn with_traceparent(mut self, parent: TraceParent) -> Self {
        self.traceparent = Some(parent);
        self
    }

    /// Sets the locale that texts for this actor are written in, such as `de-DE` (BCP 47).
    pub fn with_locale(mut self, locale: impl Into<String>) -> Self {
        self.shared_mut().locale = Some(locale.into());
        self
    }

    /// Adds an attribute, or replaces the one with this key.
    ///
    /// # Errors
    ///
    /// [`AttributeError`] when the key or the value is too long, or [`MAX_ATTRIBUTES`] are there
    /// already.
    pub fn with_attribute(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, AttributeError> {
        self.shared_mut().attributes.insert(key.into(), value.into())?;
        Ok(self)
    }

    /// Sets when the work must be done. A deadline can only come closer: of two, the earlier counts.
    ///
    /// Commands and queries inherit it. Events do not: a reaction is not part of the request that
    /// caused it.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self
    }

    /// Sets the deadline to `timeout` from now; see [`with_deadline`](Self::with_deadline).
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.ends_after(Instant::now(), Some(timeout))
    }

    /// Says what tells a command executed with this context from another one of the same name: for
    /// [`Deduplicate`](crate::middleware::Deduplicate). The command's handler, and what it causes, do
    /// not inherit it. Of more than 256 bytes, the first 256 count.
    pub fn with_idempotency_key(mut self, key: impl AsRef<str>) -> Self {
        let key = key.as_ref();
        self.idempotency_key = Some(key[..key.floor_char_boundary(MAX_IDEMPOTENCY_KEY)].into());
        self
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

/// Read anywhere.
impl Context {
    /// The tenant, or the system scope.
    pub fn tenant(&self) -> &TenantScope {
        &self.shared.tenant
    }

    /// The tenant, hashed: see [`TenantScope::key`].
    pub(crate) fn tenant_key(&self) -> u64 {
        self.shared.tenant_key
    }

    /// The tenant's identifier; `None` in the system scope.
    pub fn tenant_id(&self) -> Option<&TenantId> {
        self.shared.tenant.id()
    }

    /// Who acts, where the edge said so.
    pub fn actor(&self) -> Option<&Actor> {
        self.shared.actor.as_ref()
    }

    /// The organization within the tenant, where the edge said so.
    pub fn organization(&self) -> Option<&str> {
        self.shared.organization.as_deref()
    }

    /// Shared by everything that one request or job causes.
    pub fn correlation_id(&self) -> Uuid {
        self.shared.correlation_id
    }

    /// The message being handled, or the request itself at the edge.
    pub fn message_id(&self) -> Uuid {
        self.message_id
    }

    /// The message that caused the one being handled; `None` at the edge.
    pub fn causation_id(&self) -> Option<Uuid> {
        self.causation_id
    }

    /// The distributed trace, where there is one: as the edge said, or, with the `otel` feature and an
    /// OpenTelemetry layer, the span of the handler that this context was made for.
    pub fn traceparent(&self) -> Option<TraceParent> {
        self.traceparent
    }

    /// What tells the command to be executed from another one of the same name, where the edge said so.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    pub(crate) fn shared_idempotency_key(&self) -> Option<Arc<str>> {
        self.idempotency_key.clone()
    }

    /// The actor's locale, where the edge said so.
    pub fn locale(&self) -> Option<&str> {
        self.shared.locale.as_deref()
    }

    /// The attribute with this key.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.shared.attributes.get(key)
    }

    /// All attributes, in key order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shared.attributes.iter()
    }

    /// When the work must be done. In a handler, this is where its time-out strikes.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the deadline is away; zero once it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Which attempt of a delivery is running, from 1: in an event handler and in what it executes.
    /// Elsewhere 0.
    pub fn attempt(&self) -> u32 {
        self.work.as_ref().map_or(0, |work| work.attempt())
    }

    /// Whether the application is shutting down; a long handler may then stop at a good point.
    pub fn is_shutting_down(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.lifecycle().draining.is_cancelled())
    }

    /// Returns when the application begins to shut down; never, outside an application. Cancel safe.
    pub async fn shutting_down(&self) {
        match &self.work {
            Some(work) => work.lifecycle().draining.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

/// Carried along.
impl Context {
    /// The context of the work this task is doing, as set around every handler, by
    /// [`scope`](Self::scope) and by [`spawn`](Self::spawn).
    ///
    /// For code deep inside that is handed no context. Prefer the argument where there is one.
    ///
    /// ```
    /// # use cqrs_core::Context;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ctx = Context::for_tenant("acme")?;
    /// ctx.scope(async {
    ///     let here = Context::current().expect("inside a scope");
    ///     assert_eq!(here.tenant().to_string(), "acme");
    /// })
    /// .await;
    /// assert!(Context::current().is_none());
    /// # Ok(()) }
    /// ```
    pub fn current() -> Option<Self> {
        current::get()
    }

    /// Runs `future` with this context as the [`current`](Self::current) one.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        current::scope(self.inside_current(), future)
    }

    /// Spawns `future` as a Tokio task with this context as the [`current`](Self::current) one.
    ///
    /// A task spawned from a handler counts as work of the application: a shutdown waits for it, and
    /// so does the test kit's `settled()`.
    ///
    /// # Panics
    ///
    /// When called outside a Tokio runtime, as [`tokio::spawn`] does.
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut ctx = self.inside_current();
        let task = ctx.work.as_ref().map(|work| work.continued_by_task());
        ctx.work = task.as_ref().map(WorkGuard::work).or(ctx.work);
        let scoped = current::scope(ctx, future);
        tokio::spawn(async move {
            let output = scoped.await;
            drop(task);
            output
        })
    }
}

/// Derived by the buses and the delivery.
impl Context {
    /// The context of a message caused by the one this context belongs to.
    fn child(&self) -> Self {
        Self {
            message_id: message_id::new(),
            causation_id: Some(self.message_id),
            idempotency_key: None,
            ..self.clone()
        }
    }

    /// The context of an event: free of the request's deadline, and nobody's work yet.
    pub(crate) fn for_event(&self) -> Self {
        Self { deadline: None, work: None, ..self.child() }
    }

    /// Makes this message's span the one that others continue from.
    #[cfg(feature = "otel")]
    pub(crate) fn continue_trace(&mut self, from: TraceParent) {
        self.traceparent = Some(from);
    }

    /// The context of a command or query that begins `now`, and what keeps its work going.
    pub(crate) fn for_execution(
        &self,
        lifecycle: &Arc<Lifecycle>,
        now: Instant,
        timeout: Option<Duration>,
    ) -> (Self, WorkGuard) {
        let parent = self.current_work();
        let guard = Work::begin(lifecycle, WorkKind::Execution, parent);
        let ctx = Self { work: Some(guard.work()), ..self.child() };
        (ctx.ends_after(now, timeout), guard)
    }

    /// The context of one attempt to handle the event that this context belongs to, and what keeps its
    /// work going.
    pub(crate) fn for_attempt(
        &self,
        lifecycle: &Arc<Lifecycle>,
        attempt: u32,
        timeout: Option<Duration>,
    ) -> (Self, WorkGuard) {
        let guard = Work::begin(lifecycle, WorkKind::Delivery { attempt }, None);
        let ctx = Self { work: Some(guard.work()), ..self.clone() };
        let ctx = if timeout.is_some() { ctx.ends_after(Instant::now(), timeout) } else { ctx };
        (ctx, guard)
    }

    /// Runs `future` with exactly this context as the current one.
    pub(crate) fn scope_exactly<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        current::scope(self.clone(), future)
    }

    /// This context; where it is fresh, as part of the work that this task is doing.
    fn inside_current(&self) -> Self {
        Self { work: self.current_work(), ..self.clone() }
    }

    fn current_work(&self) -> Option<Arc<Work>> {
        self.work.clone().or_else(|| current::with(|ctx| ctx.work.clone()).flatten())
    }

    fn ends_after(self, now: Instant, timeout: Option<Duration>) -> Self {
        match timeout.and_then(|timeout| now.checked_add(timeout)) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// Whether this is part of work that `lifecycle`'s application has admitted, and that goes on.
    pub(crate) fn is_inside(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(|work| work.is_of(lifecycle))
    }

    /// Whether this is part of what an event handler of `lifecycle`'s application is doing.
    pub(crate) fn is_inside_delivery(&self, lifecycle: &Arc<Lifecycle>) -> bool {
        self.any_work(|work| work.is_delivery() && work.is_of(lifecycle))
    }

    /// Whether this is part of what an event handler of any application is doing. Two applications that
    /// publish to each other could otherwise wait for each other.
    pub(crate) fn is_inside_any_delivery(&self) -> bool {
        self.any_work(Work::is_delivery)
    }

    /// Looks at the work that this belongs to, by the context itself or, where a handler made a fresh
    /// one, by the task that is running; and at the work that this is part of.
    fn any_work(&self, is_it: impl Fn(&Work) -> bool) -> bool {
        let any = |ctx: &Context| ctx.work.as_ref().is_some_and(|work| work.any(&is_it));
        any(self) || current::with(any).unwrap_or(false)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Context");
        debug.field("tenant", &format_args!("{}", self.shared.tenant));
        if let Some(actor) = &self.shared.actor {
            debug.field("actor", &format_args!("{actor}"));
        }
        if let Some(organization) = &self.shared.organization {
            debug.field("organization", organization);
        }
        debug
            .field("message_id", &self.message_id)
            .field("correlation_id", &self.shared.correlation_id)
            .field("causation_id", &self.causation_id);
        debug.finish_non_exhaustive()
    }
}
