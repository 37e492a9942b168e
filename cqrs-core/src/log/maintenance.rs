//! What operators look at and change.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{LoggedEvent, Position, StoreError, Subscription, SubscriptionId};
use crate::context::TenantScope;
use crate::handler::BoxFuture;

/// What operators look at and change.
pub trait Maintenance {
    /// All subscriptions of the application with their progress, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<SubscriptionProgress>, StoreError>>;

    /// The living nodes of the application, with the shards that each works on.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn nodes(&self) -> BoxFuture<'_, Result<Vec<LivingNode>, StoreError>>;

    /// The parked and the dead deliveries that match, in the order of positions, and at one position in that of
    /// subscriptions. At most [`limit`](DeliveryFilter::limit) of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn failed<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>>;

    /// Makes one change, all of it or nothing. Returns how many subscriptions, deliveries or events it has changed;
    /// 0 if what is named is not there.
    ///
    /// If a change touches what the owners of shards have in memory, it takes these shards away from them in the same
    /// transaction, with a new fencing token: their next owners begin with what the change has left.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn edit<'a>(&'a self, edit: &'a Edit<'a>) -> BoxFuture<'a, Result<u64, StoreError>>;
}

/// How far one subscription has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionProgress {
    /// Whose.
    pub subscription: Subscription,
    /// The lowest of the checkpoints of its shards: up to here, everything is settled or parked.
    pub position: Position,
    /// How many events the log has after that, those included that the handler does not want.
    pub behind: u64,
    /// For how long the first of these has been in the log.
    pub lag: Duration,
    /// How many deliveries are parked and not dead.
    pub parked: u64,
    /// How many dead letters there are, those included that block their order keys.
    pub dead: u64,
}

/// A node that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingNode {
    /// New for each start of a process.
    pub id: Uuid,
    /// Host and process, for people.
    pub about: String,
    /// On which shards it works.
    pub shards: Vec<u16>,
}

/// One delivery of an application: a subscription and a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Of which event.
    pub position: Position,
    /// To which handler.
    pub subscription: SubscriptionId,
}

impl DeliveryId {
    /// The same as a uuid of version 8, whose form the application chooses: the subscription is in its first four
    /// bytes, the position in its last eight.
    pub fn to_uuid(self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.subscription.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.position.0.to_be_bytes());
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// What [`to_uuid`](Self::to_uuid) has made; `None` for other uuids.
    pub fn from_uuid(uuid: Uuid) -> Option<Self> {
        let (first, position) = uuid.as_u64_pair();
        let subscription = SubscriptionId(u32::try_from(first >> 32).ok()?);
        // Without the two bits of the variant, which no position reaches.
        let position = Position(position & (u64::MAX >> 2));
        (uuid.get_version_num() == 8).then_some(Self { position, subscription })
    }
}

/// A delivery that is parked or dead, with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    /// To which handler.
    pub subscription: Subscription,
    /// The event.
    pub event: LoggedEvent,
    /// How many attempts have failed.
    pub attempts: u32,
    /// Why the last one failed, redacted. Empty if it waits behind another one.
    pub error: String,
    /// When it died; for a parked one, when its event was appended.
    pub since: Timestamp,
    /// Whether it is dead or parked.
    pub state: FailedState,
    /// Whether it is a dead letter that blocks its order key: it is [parked](super::Parked::died_at), and the later events of the key
    /// wait behind it.
    pub blocks_key: bool,
}

impl StoredFailure {
    /// What names it.
    pub fn id(&self) -> DeliveryId {
        DeliveryId { position: self.event.position, subscription: self.subscription.id }
    }
}

/// What becomes of a delivery that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedState {
    /// It is tried again.
    Parked {
        /// When; `None` if it waits behind another one.
        due: Option<Timestamp>,
    },
    /// It has failed for good: it is a dead letter.
    Dead,
}

/// Which failed deliveries: all, or those that match every part that is set, one page of them.
///
/// ```
/// use cqrs_core::operations::DeliveryFilter;
/// use cqrs_core::{TenantId, TenantScope};
///
/// let acme = TenantScope::Tenant(TenantId::new("acme")?);
/// let filter = DeliveryFilter::dead().handler("send-welcome-email").tenant(acme).limit(20);
/// # let _ = filter;
/// # Ok::<(), cqrs_core::InvalidTenant>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryFilter {
    /// Dead ones, or parked ones.
    pub is_dead: Option<bool>,
    /// The handler's stable name.
    pub handler: Option<String>,
    /// The event's stable name.
    pub event: Option<String>,
    /// The tenant, or the system scope.
    pub tenant: Option<TenantScope>,
    /// The type of entity that the event is about, and its id.
    pub entity: Option<(String, String)>,
    /// A text that the error contains; small and capital letters differ.
    pub error: Option<String>,
    /// They have failed at this time or later.
    pub from: Option<Timestamp>,
    /// They have failed before this time.
    pub until: Option<Timestamp>,
    /// Those after the one with this id: the next page.
    pub after: Option<Uuid>,
    /// How many at most.
    pub limit: usize,
}

impl DeliveryFilter {
    /// The most deliveries that one page has.
    pub const MAX_LIMIT: usize = 1000;

    /// Dead and parked ones of all tenants, 100 in a page.
    pub fn all() -> Self {
        Self {
            is_dead: None,
            handler: None,
            event: None,
            tenant: None,
            entity: None,
            error: None,
            from: None,
            until: None,
            after: None,
            limit: 100,
        }
    }

    /// Dead letters.
    pub fn dead() -> Self {
        Self { is_dead: Some(true), ..Self::all() }
    }

    /// Parked deliveries: those that are tried again.
    pub fn parked() -> Self {
        Self { is_dead: Some(false), ..Self::all() }
    }

    /// Those to the handler with this stable name.
    pub fn handler(self, name: impl Into<String>) -> Self {
        Self { handler: Some(name.into()), ..self }
    }

    /// Those of the event with this stable name.
    pub fn event(self, name: impl Into<String>) -> Self {
        Self { event: Some(name.into()), ..self }
    }

    /// Those of one tenant, or of the system scope.
    pub fn tenant(self, tenant: TenantScope) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// Those of events about one entity: its type, and its id.
    pub fn entity(self, entity: impl Into<String>, id: impl Into<String>) -> Self {
        Self { entity: Some((entity.into(), id.into())), ..self }
    }

    /// Those whose error contains this text; small and capital letters differ.
    pub fn error(self, text: impl Into<String>) -> Self {
        Self { error: Some(text.into()), ..self }
    }

    /// Those that died at this time or later; parked ones by the time at which their event was appended.
    pub fn from(self, time: Timestamp) -> Self {
        Self { from: Some(time), ..self }
    }

    /// Those that died before this time; parked ones by the time at which their event was appended.
    pub fn until(self, time: Timestamp) -> Self {
        Self { until: Some(time), ..self }
    }

    /// Those after the one with this id, which is the last one of a page: the next page.
    pub fn after(self, id: Uuid) -> Self {
        Self { after: Some(id), ..self }
    }

    /// At most so many, and at most [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: limit.min(Self::MAX_LIMIT), ..self }
    }

    /// A page that begins with this delivery, if it has failed.
    pub(crate) fn before(delivery: DeliveryId) -> Self {
        let DeliveryId { position, subscription } = delivery;
        let before = match subscription.0.checked_sub(1) {
            Some(before) => DeliveryId { position, subscription: SubscriptionId(before) },
            None => DeliveryId {
                position: Position(position.0.saturating_sub(1)),
                subscription: SubscriptionId(i32::MAX.unsigned_abs()),
            },
        };
        Self::all().after(before.to_uuid())
    }

    /// The delivery after which the page begins. One of a store is meant by the id of a [`DeliveryId`] alone.
    pub fn after_delivery(&self) -> Option<DeliveryId> {
        self.after.and_then(DeliveryId::from_uuid)
    }

    /// Whether a delivery with these facts matches, whatever the page.
    pub(crate) fn matches(&self, facts: &FailureFacts<'_>) -> bool {
        let tenant = self.tenant.as_ref().map(|tenant| tenant.id().map(ToString::to_string));
        self.is_dead.is_none_or(|is_dead| is_dead == facts.is_dead)
            && self.handler.as_ref().is_none_or(|handler| *handler == facts.handler)
            && self.event.as_ref().is_none_or(|event| *event == facts.event)
            && tenant.is_none_or(|tenant| tenant.as_deref() == facts.tenant)
            && self.entity.as_ref().is_none_or(|(entity, id)| {
                facts.entity == Some(entity) && facts.entity_id == Some(id)
            })
            && self.error.as_ref().is_none_or(|text| facts.error.contains(text))
            && self.from.is_none_or(|from| facts.since >= from)
            && self.until.is_none_or(|until| facts.since < until)
    }
}

/// What a filter looks at.
pub(crate) struct FailureFacts<'a> {
    pub(crate) is_dead: bool,
    pub(crate) handler: &'a str,
    pub(crate) event: &'a str,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) entity: Option<&'a str>,
    pub(crate) entity_id: Option<&'a str>,
    pub(crate) error: &'a str,
    pub(crate) since: Timestamp,
}

/// A change that an operator makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Lets no attempt of the handler begin on any node, or lets them begin again.
    Pause {
        /// The handler's stable name.
        handler: &'a str,
        /// Whether it is paused from now on.
        pause: bool,
    },
    /// Tries a delivery again: a parked one at once, and if it has died, with all attempts. Any other dead letter ends, and
    /// its event is appended for its subscription alone, with the same id and all attempts.
    Redeliver {
        /// Which.
        delivery: DeliveryId,
        /// The version and the text that the payload of a dead letter's event has from now on. A parked delivery keeps its
        /// payload.
        payload: Option<(u32, &'a str)>,
    },
    /// Ends a parked or dead delivery.
    Discard(DeliveryId),
    /// Lets a handler go on after another position: everything after it is delivered again, or for the first time.
    Reset {
        /// The handler's stable name.
        handler: &'a str,
        /// After which position.
        to: ResetTo,
    },
    /// Removes a subscription that no handler continues, with all of its progress, parked deliveries and dead letters.
    Forget {
        /// The handler's stable name.
        handler: &'a str,
    },
    /// Removes events that are older than this time, except the last event and those that a subscription has not
    /// passed, or has parked.
    Prune {
        /// Events that were appended before.
        before: Timestamp,
        /// How many at most.
        limit: u32,
    },
}

/// From where a handler goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetTo {
    /// From the first event that the log has.
    Beginning,
    /// From the first event that was appended at this time or later.
    Time(Timestamp),
    /// From the event after this position.
    After(Position),
    /// From the next event that is appended: everything before it is left out.
    End,
}
