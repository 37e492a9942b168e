//! Contexts: the tenant, the actor and the cause of a message.

mod actor;
mod current;
mod derived;
mod edge;
mod idempotency;
pub(crate) mod message_id;
mod tenant;
mod traceparent;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::actor::{Actor, ActorKind};
pub use self::edge::AttributeError;
pub use self::idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use self::tenant::{InvalidTenant, TenantId, TenantScope};
pub use self::traceparent::{InvalidTraceParent, TraceParent};

pub(crate) use self::derived::CauseChain;
pub(crate) use self::work::{Effect, WorkGuard};

use self::work::Work;

/// For whom and why a message exists: its tenant, its actor and its cause.
///
/// The edge of the application makes one context per request or job, and passes it to every `publish` and
/// `execute`. Each handler receives its own context with the same tenant, actor, organization, correlation
/// id and attributes, and with the handled message as the cause of its effects.
///
/// Cloning is cheap. A context serialises, so it can be stored with an event, but without what belongs to
/// this process alone (deadline, attempt, shutdown signal).
///
/// ```
/// use cqrs_core::{Actor, Context};
///
/// let ctx = Context::for_tenant("acme")?
///     .with_actor(Actor::user(42).named("Ada"))
///     .with_organization("research");
/// assert_eq!(ctx.tenant().to_string(), "acme");
/// assert!(Context::for_tenant("not a tenant").is_err());
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
// The names of fields are part of the stored format: add, never rename.
#[derive(Clone, Serialize, Deserialize)]
pub struct Context {
    #[serde(flatten)]
    shared: Arc<Shared>,
    message_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    /// The events that led to this message; `None` if it began at the edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causes: Option<Arc<CauseChain>>,
    /// Not shared: with tracing, each message continues the trace from the span that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(skip)]
    deadline: Option<Instant>,
    /// Of this request alone: what it causes does not inherit it.
    #[serde(skip)]
    idempotency_key: Option<IdempotencyKey>,
    /// The work of an application that this context was handed to; `None` at the edge.
    #[serde(skip)]
    work: Option<Arc<Work>>,
}

/// What stays the same from cause to effect, so that effects share one allocation.
#[derive(Clone, Serialize, Deserialize)]
struct Shared {
    tenant: TenantScope,
    /// The tenant, hashed once, since every delivery needs it.
    #[serde(skip)]
    tenant_key: OnceLock<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    correlation_id: Uuid,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

/// Reading a context.
impl Context {
    /// How many attributes a context carries at most.
    pub const MAX_ATTRIBUTES: usize = 32;
    /// The longest attribute, in bytes of key and value together.
    pub const MAX_ATTRIBUTE_SIZE: usize = 1024;

    /// The tenant, or the system scope.
    pub fn tenant(&self) -> &TenantScope {
        &self.shared.tenant
    }

    /// A hash of the tenant, seeded anew in each process, so that no name can be chosen for its hash.
    pub(crate) fn tenant_key(&self) -> u64 {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        *self.shared.tenant_key.get_or_init(|| HASHER.hash_one(&self.shared.tenant))
    }

    /// The tenant's identifier; `None` in the system scope.
    pub fn tenant_id(&self) -> Option<&TenantId> {
        self.shared.tenant.id()
    }

    /// Who acts, if the edge said so.
    pub fn actor(&self) -> Option<&Actor> {
        self.shared.actor.as_ref()
    }

    /// The organization within the tenant, if the edge said so.
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

    /// The distributed trace, if there is one: what the edge said, or, with the `otel` feature, the span of
    /// the handler that this context was made for.
    pub fn traceparent(&self) -> Option<TraceParent> {
        self.traceparent
    }

    /// The attribute with this key.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.shared.attributes.get(key).map(String::as_str)
    }

    /// The key with which this request may be sent again, if the edge said so. Only the commands that are executed with this
    /// context have it; what their handlers publish and execute does not.
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.idempotency_key.as_ref()
    }

    /// The time: in a handler that of its application, which [a test can move](crate::testing::TestApp::advance), and elsewhere
    /// that of this machine.
    pub fn now(&self) -> Timestamp {
        self.work.as_ref().map_or_else(Timestamp::now, |work| work.lifecycle.clock.timestamp())
    }

    /// When the work must be done. In a handler, this is when its time-out ends it.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time until the deadline; zero if it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The number of the running attempt, from 1, in an event handler and in what it executes. Elsewhere 0.
    pub fn attempt(&self) -> u32 {
        self.delivery().map_or(0, |(_, attempt)| attempt)
    }

    /// Whether the application is shutting down; a long handler may then stop at a good point.
    pub fn is_shutting_down(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.lifecycle.draining.is_cancelled())
    }

    /// Returns when the application begins to shut down. Outside an application it never returns. Cancel
    /// safe.
    pub async fn shutting_down(&self) {
        match &self.work {
            Some(work) => work.lifecycle.draining.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("tenant", &format_args!("{}", self.shared.tenant))
            .field("actor", &self.shared.actor)
            .field("message_id", &self.message_id)
            .field("correlation_id", &self.shared.correlation_id)
            .field("causation_id", &self.causation_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_context_survives_the_way_to_a_store_and_back() {
        let ctx = Context::for_tenant("acme")
            .unwrap()
            .with_actor(Actor::service("sync").on_behalf_of(Actor::user(7).named("Ada")))
            .with_organization("research")
            .with_traceparent(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
            )
            .with_attribute("channel", "import")
            .unwrap()
            .with_timeout(Duration::from_mins(1))
            .child();
        let stored = serde_json::to_string(&ctx).unwrap();
        let back: Context = serde_json::from_str(&stored).unwrap();

        assert_eq!(back.tenant(), ctx.tenant());
        assert_eq!(back.actor(), ctx.actor());
        assert_eq!(back.organization(), Some("research"));
        assert_eq!(back.message_id(), ctx.message_id());
        assert_eq!(back.correlation_id(), ctx.correlation_id());
        assert_eq!(back.causation_id(), ctx.causation_id());
        assert_eq!(back.traceparent(), ctx.traceparent());
        assert_eq!(back.attribute("channel"), Some("import"));
        assert_eq!(back.deadline(), None, "it is of this process's clock");
    }
}
