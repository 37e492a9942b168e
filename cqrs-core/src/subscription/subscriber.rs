//! One handler's subscription: reads the log at its own pace, and feeds the handler's lane.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Shared;
use super::codec::{Content, Read};
use super::slice::{Slice, Wanting};
use super::window::{Found, Window};
use crate::handler::{DeadLetters, Order};
use crate::lane::{Delivery, Lane, Origin as _};
use crate::log::{Lease, Parked, Position, StoreError, SubscriptionId};
use crate::observe;
use crate::schedule::Keys;

/// How many events are taken from the window at once.
const CHUNK: usize = 256;

/// How many positions are looked at for the events of others, beside those of a tenant with a detour, before the
/// tenant's own events have their turn.
const PASSED_AT_ONCE: u64 = 50_000;

/// How long to wait after the log could not be read.
const BACK_OFF: Duration = Duration::from_millis(500);

/// What one handler wants of the log.
pub(crate) struct Wanted {
    /// By event type, the index of the lane's handler.
    pub(crate) events: FxHashMap<TypeId, usize>,
    /// The index of the handler of every event.
    pub(crate) any: Option<usize>,
}

/// Ends the work on a shard that another node has taken over, unless it has ended before.
pub(super) fn lose(subscribers: &[Arc<Subscriber>], lease: Lease) {
    if subscribers.iter().all(|subscriber| subscriber.slice(lease).is_none()) {
        return;
    }
    tracing::warn!(shard = lease.shard, "another node has taken over this shard");
    observe::lease_lost();
    for subscriber in subscribers {
        subscriber.remove(lease);
    }
}

/// One handler's subscription.
pub(super) struct Subscriber {
    /// Its number in the window.
    number: usize,
    pub(super) lane: Arc<Lane>,
    wanted: Wanted,
    /// How many deliveries of each shard may be open in the lane at the same time.
    pub(super) limit: usize,
    id: OnceLock<SubscriptionId>,
    slices: Mutex<BTreeMap<u16, Arc<Slice>>>,
    /// Notified when there may be something to do although the window has nothing new.
    wake: Notify,
    /// Whether the store says that the handler is paused.
    is_paused: AtomicBool,
}

impl Subscriber {
    pub(super) fn new(number: usize, lane: Arc<Lane>, wanted: Wanted, limit: usize) -> Self {
        Self {
            number,
            lane,
            wanted,
            limit: limit.max(1),
            id: OnceLock::new(),
            slices: Mutex::default(),
            wake: Notify::new(),
            is_paused: AtomicBool::new(false),
        }
    }

    pub(super) fn wants(&self, event: TypeId) -> bool {
        self.wanted.any.is_some() || self.wanted.events.contains_key(&event)
    }

    /// The number that the store has given it; set at the start.
    pub(super) fn id(&self) -> SubscriptionId {
        self.id.get().copied().unwrap_or(SubscriptionId(u32::MAX))
    }

    pub(super) fn set_id(&self, id: SubscriptionId) {
        let _ = self.id.set(id);
    }

    pub(super) fn name(&self) -> &str {
        &self.lane.name
    }

    /// Pauses the handler, or lets it go on, if that is news.
    pub(super) fn pause(&self, pause: bool) {
        if self.is_paused.swap(pause, SeqCst) != pause {
            self.lane.pause(pause);
        }
    }

    /// The leases that this node works with.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.guarded().values().map(|slice| slice.lease).collect()
    }

    /// Those that it does not give to another node at the moment.
    pub(super) fn working_leases(&self) -> Vec<Lease> {
        let slices = self.guarded();
        slices.values().filter(|slice| !slice.is_revoked()).map(|slice| slice.lease).collect()
    }

    /// Whether this node has the shard.
    pub(super) fn works_on(&self, shard: u16) -> bool {
        self.guarded().contains_key(&shard)
    }

    pub(super) fn slice(&self, lease: Lease) -> Option<Arc<Slice>> {
        self.guarded().get(&lease.shard).filter(|slice| slice.lease == lease).cloned()
    }

    /// Moves the checkpoints of shards without events.
    pub(super) fn pass(&self) {
        self.slices().iter().for_each(|slice| slice.pass());
    }

    /// Whether everything up to `end` in the shards of this node is settled.
    pub(super) fn is_caught_up(&self, end: Position) -> bool {
        self.slices().iter().all(|slice| slice.is_settled_up_to(end))
    }

    /// Whether all that the handler has not settled, up to `end`, waits behind dead letters.
    pub(super) fn waits_in_vain(&self, end: Position) -> bool {
        let (_, is_all) = self.lane.waiting_in_vain();
        is_all && self.slices().iter().all(|slice| slice.has_read(end))
    }

    pub(super) fn slices(&self) -> Vec<Arc<Slice>> {
        self.guarded().values().cloned().collect()
    }

    /// Begins to work on a shard, after its checkpoint.
    pub(super) fn add(&self, slice: Arc<Slice>) {
        let mut slices = self.guarded();
        // Not if the application stops meanwhile: nothing would remove it.
        if !slice.takes_back() {
            slices.insert(slice.lease.shard, slice);
            self.wake();
        }
    }

    /// Ends the work on a shard: no attempt of it begins from now on.
    pub(super) fn remove(&self, lease: Lease) {
        let Some(slice) = self.slice(lease) else { return };
        slice.revoke();
        let mut slices = self.guarded();
        if slices.get(&lease.shard).is_some_and(|slice| slice.lease == lease) {
            slices.remove(&lease.shard);
        }
    }

    /// Ends the work on all shards. A slice and its subscriber refer to each other until then.
    pub(super) fn remove_all(&self) {
        drop(std::mem::take(&mut *self.guarded()));
    }

    /// Whether the handler wants the event of a parked delivery, and this build can read it, or finds that it is dead and
    /// blocks its order key.
    pub(super) fn can_handle(&self, read: &Read) -> bool {
        let is_readable = match &read.content {
            Content::Event(_) => true,
            Content::Unreadable { is_newer, .. } => !is_newer && self.blocks(read),
        };
        is_readable && self.index_of(read).is_some()
    }

    /// Which of the lane's handlers wants the event, if one does.
    pub(super) fn index_of(&self, read: &Read) -> Option<usize> {
        if read.only_for.is_some_and(|only| only != self.id()) {
            return None;
        }
        let event = match &read.content {
            Content::Event(event) => Some(event.event_type()),
            Content::Unreadable { event, .. } => *event,
        };
        event.and_then(|event| self.wanted.events.get(&event).copied()).or(self.wanted.any)
    }

    /// The keys by which the handler orders an event that has these keys.
    pub(super) fn keys(&self, keys: Keys) -> Keys {
        let order = match self.lane.options.order {
            Order::Key => keys.order,
            Order::Tenant => Some(keys.tenant),
            Order::None => None,
        };
        Keys { order, ..keys }
    }

    /// Whether a dead letter of this event blocks its order key.
    pub(super) fn blocks(&self, read: &Read) -> bool {
        let has_key = match self.lane.options.order {
            Order::Key => read.key.is_some(),
            Order::Tenant => true,
            Order::None => false,
        };
        has_key && self.lane.options.dead_letters == DeadLetters::Block
    }

    pub(super) fn push(&self, delivery: Delivery, keys: Keys, parked: Option<&Parked>) {
        match parked {
            None => self.lane.push(delivery, keys),
            Some(parked) => {
                let wait = parked.due.map(|due| due.duration_since(self.lane.clock().timestamp()));
                let wait = wait.and_then(|wait| Duration::try_from(wait).ok());
                self.lane.push_again(delivery, keys, parked.attempts, wait);
            }
        }
        self.lane.start_workers(&Handle::current());
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Feeds the lane until a shutdown begins. The way that is furthest behind and the one that is furthest ahead take
    /// turns, and one that is full is left out until it has room again. So none keeps the others waiting.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let Some(window) = shared.window.get() else { return };
        let mut news = window.watch();
        let mut is_turn_of_last = false;
        while shared.is_feeding() {
            news.mark_unchanged();
            let mut wanting = Vec::new();
            self.slices().iter().for_each(|slice| slice.add_wanting(&mut wanting));
            let last = wanting.iter().map(|it| it.after).min();
            let first = wanting.iter().map(|it| it.after).max();
            let Some((last, first)) = last.zip(first) else {
                shared.unless_stopped(self.wake.notified()).await;
                continue;
            };
            is_turn_of_last = !is_turn_of_last;
            let after = if is_turn_of_last { last } else { first };
            wanting.retain(|it| it.after >= after);
            match window.read(self.number, after, CHUNK) {
                Found::Events(events) => feed_all(&wanting, events.iter().map(|it| &**it)),
                Found::Gone => {
                    if let Err(error) = read_and_feed(&shared, window, after, wanting).await {
                        let handler = self.name();
                        tracing::warn!(handler, %error, "the log cannot be read; trying again");
                        shared.unless_stopped(tokio::time::sleep(BACK_OFF)).await;
                    }
                }
                Found::End if after > last => {}
                Found::End => {
                    let woken = async {
                        tokio::select! {
                            _ = news.changed() => {}
                            () = self.wake.notified() => {}
                        }
                    };
                    shared.unless_stopped(woken).await;
                }
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    fn guarded(&self) -> MutexGuard<'_, BTreeMap<u16, Arc<Slice>>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Feeds events that are not in the window any more. If all that go on at `after` are main ways, the events of the
/// tenants with detours are left out, since there may be a million of them.
async fn read_and_feed(
    shared: &Shared,
    window: &Window,
    after: Position,
    mut wanting: Vec<Wanting>,
) -> Result<(), StoreError> {
    // Not further than the window, by whose end it is known whether the log is still the same.
    let end = window.end();
    let next = || wanting.iter().filter(|it| it.after == after);
    let without: Vec<_> = if next().all(|it| it.way == 0) {
        next().flat_map(|it| it.slice.tenants_on_detours()).collect()
    } else {
        Vec::new()
    };
    let (events, end) = if without.is_empty() {
        let mut events = shared.read(after, CHUNK).await?;
        events.retain(|event| event.position <= end);
        (events, end)
    } else {
        wanting.retain(|it| it.way == 0);
        let end = end.min(Position(after.0 + PASSED_AT_ONCE));
        (shared.read_others(after, end, &without, CHUNK).await?, end)
    };
    feed_all(&wanting, events.iter());
    // The rest was left out, or was pruned.
    if events.len() < CHUNK {
        are_fed_up_to(&wanting, end);
    }
    Ok(())
}

/// Hands each event to the ways of its shard. They are in the order of their shards.
fn feed_all<'a>(wanting: &[Wanting], events: impl Iterator<Item = &'a Read>) {
    let mut last = None;
    for event in events {
        let first = wanting.partition_point(|it| it.slice.lease.shard < event.shard);
        let of_shard = wanting[first..].iter().take_while(|it| it.slice.lease.shard == event.shard);
        of_shard.for_each(|it| it.slice.feed(it.way, event));
        last = Some(event.position);
    }
    if let Some(last) = last {
        are_fed_up_to(wanting, last);
    }
}

fn are_fed_up_to(wanting: &[Wanting], position: Position) {
    for Wanting { slice, way, .. } in wanting {
        slice.is_fed_up_to(*way, position);
    }
}
