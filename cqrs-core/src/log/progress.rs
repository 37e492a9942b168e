//! How far each subscription has come, and which node works on which shard.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{LoggedEvent, Position, SeenEvent, StoreError};
use crate::handler::{BoxFuture, Start};

/// How far each subscription of an application has come, and which node works on which shard.
///
/// Each write that depends on a lease names its fencing token, and the store refuses it if the token is not the
/// newest. So a node that was paused and wakes up changes nothing.
pub trait Progress {
    /// Makes the subscriptions of `wanted` that are not there. Returns all that the application has, also those
    /// that are not wanted any more.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>>;

    /// Says that `node` lives, for its [`ttl`](Node::ttl) from now.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>>;

    /// Takes at most `at_most` shards that no living node has, each with a new fencing token, and gives the progress
    /// of `subscriptions` on them.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>>;

    /// Gives shards back, so that another node can claim them at once. A lease that was lost before is left alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Says that `node` has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Saves progress. Each change is atomic; those whose lease was lost are not saved, and the leases returned.
    ///
    /// `seen` tells by which events the log is known. An event that was pruned is known too. Each change is saved in a
    /// transaction that looks at them.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; some changes may have been saved then. To save them again is harmless.
    /// [`WentBack`](StoreError::WentBack) if the log has another event in the place of one of `seen`, or ends before it:
    /// changes of this call are not saved in that log.
    fn save<'a>(
        &'a self,
        changes: &'a [Change],
        seen: &'a [SeenEvent],
    ) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>>;
}

/// A number for a subscription, given by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u32);

/// A subscription that an application needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSubscription<'a> {
    /// The handler's stable name.
    pub name: &'a str,
    /// Where it starts if it is new.
    pub start: Start,
}

/// A subscription, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its number.
    pub id: SubscriptionId,
    /// The handler's stable name.
    pub name: String,
    /// Whether its handler is paused, on all nodes.
    pub is_paused: bool,
}

/// One running process of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// New for each start of a process.
    pub id: Uuid,
    /// How long it counts as living after its last beat, by the store's clock.
    pub ttl: Duration,
    /// Host and process, for people.
    pub about: String,
}

/// What a node learns when it says that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat {
    /// How many nodes live, this one included.
    pub living: usize,
    /// The leases that this node has.
    pub leases: Vec<Lease>,
    /// The subscriptions that are paused on all nodes.
    pub paused: Vec<SubscriptionId>,
}

/// The right to work on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The slice of the log.
    pub shard: u16,
    /// The fencing token: higher for each new owner.
    pub token: u64,
}

/// A shard that was claimed, with what the owners before have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The right to work on it.
    pub lease: Lease,
    /// For each subscription the position below and at which all is settled or parked.
    pub checkpoints: Vec<(SubscriptionId, Position)>,
    /// [`ahead`](Change::ahead) of those subscriptions that have it.
    pub ahead: Vec<(SubscriptionId, String)>,
    /// What is parked, in the order of positions.
    pub parked: Vec<(SubscriptionId, Parked)>,
}

/// A delivery that the checkpoint has passed although it is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Of which event.
    pub position: Position,
    /// How many attempts have failed.
    pub attempts: u32,
    /// When it is tried again; `None` if it waits behind another one, or has died.
    pub due: Option<Timestamp>,
    /// Why the last attempt failed, redacted.
    pub error: Option<String>,
    /// When it failed for good, if it did. It is a dead letter then, and blocks its order key: it stays parked, and what is
    /// parked behind it waits until [`Redeliver`](super::Edit::Redeliver) or [`Discard`](super::Edit::Discard).
    pub died_at: Option<Timestamp>,
}

/// A delivery that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadDelivery {
    /// The event.
    pub event: LoggedEvent,
    /// How many attempts were made.
    pub attempts: u32,
    /// Why the last one failed, redacted.
    pub error: String,
}

/// The progress of one subscription on one shard.
#[derive(Debug, Clone)]
pub struct Change {
    /// Whose.
    pub subscription: SubscriptionId,
    /// The right to say so.
    pub lease: Lease,
    /// Below and at this position all is settled or parked.
    pub checkpoint: Position,
    /// What the subscription has done above the checkpoint, as text for [`Claim::ahead`]: the store keeps it with the
    /// checkpoint, and forgets it when the checkpoint is saved without it.
    pub ahead: Option<String>,
    /// What is parked now, or is parked already and has been attempted again.
    pub park: Vec<Parked>,
    /// What was parked and is settled now.
    pub unpark: Vec<Position>,
    /// What has failed for good.
    pub dead: Vec<DeadDelivery>,
    /// Whether deliveries at or below the checkpoint have left [`DoneRow`](super::DoneRow)s. They are removed, except
    /// those of parked deliveries.
    pub forget_done: bool,
}
