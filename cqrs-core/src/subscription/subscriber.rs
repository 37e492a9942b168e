//! One handler's subscription: reads the log at its own pace, and feeds the handler's lane.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Shared;
use super::codec::{Content, Read};
use super::slice::Slice;
use super::window::Found;
use crate::handler::Order;
use crate::lane::{Delivery, Lane, Origin as _};
use crate::log::{Lease, Parked, Position, SubscriptionId};
use crate::observe;
use crate::schedule::Keys;

/// How many events are taken from the window at once.
const CHUNK: usize = 256;

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
    /// How many deliveries may be open in the lane at the same time.
    limit: usize,
    id: OnceLock<SubscriptionId>,
    slices: Mutex<BTreeMap<u16, Arc<Slice>>>,
    /// How many deliveries are open in the lane, without parked ones.
    open: AtomicUsize,
    /// Notified when there may be something to do although the window has nothing new.
    wake: Notify,
    /// The position up to which the slices that are not behind have got all events. Locked while slices that were
    /// behind go on, so that they are not passed to where the others were before.
    read: Mutex<Position>,
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
            open: AtomicUsize::new(0),
            wake: Notify::new(),
            read: Mutex::default(),
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
        let read = self.read();
        self.slices().iter().for_each(|slice| slice.pass(*read));
    }

    /// Whether everything up to `end` in the shards of this node is settled.
    pub(super) fn is_caught_up(&self, end: Position) -> bool {
        let read = self.read();
        let slices = self.slices();
        slices.is_empty() || *read >= end && slices.iter().all(|slice| slice.is_settled())
    }

    fn read(&self) -> MutexGuard<'_, Position> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether the handler wants the event, and this build can read it.
    pub(super) fn can_handle(&self, read: &Read) -> bool {
        matches!(read.content, Content::Event(_)) && self.index_of(read).is_some()
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

    pub(super) fn push(&self, delivery: Delivery, keys: Keys, parked: Option<&Parked>) {
        let order = match self.lane.options.order {
            Order::Key => keys.order,
            Order::Tenant => Some(keys.tenant),
            Order::None => None,
        };
        let keys = Keys { order, ..keys };
        match parked {
            None => {
                self.open.fetch_add(1, SeqCst);
                self.lane.push(delivery, keys);
            }
            Some(parked) => {
                let wait = parked.due.map(|due| due.duration_since(Timestamp::now()));
                let wait = wait.and_then(|wait| Duration::try_from(wait).ok());
                self.lane.push_again(delivery, keys, parked.attempts, wait);
            }
        }
        self.lane.start_workers(&Handle::current());
    }

    /// So many deliveries are not open in the lane any more, or are parked now.
    pub(super) fn release(&self, count: usize) {
        if count > 0 && self.open.fetch_sub(count, SeqCst) >= self.limit {
            self.wake.notify_one();
        }
    }

    /// Whether so many deliveries are open in the lane that no more are read.
    pub(super) fn has_no_room(&self) -> bool {
        self.open.load(SeqCst) >= self.limit
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Feeds the lane until a shutdown begins.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let Some(window) = shared.window.get() else { return };
        let mut news = window.watch();
        let mut read = window.end();
        while shared.is_feeding() {
            read = self.go_back(read);
            let room = self.limit.saturating_sub(self.open.load(SeqCst)).min(CHUNK);
            if room == 0 || self.guarded().is_empty() {
                shared.unless_stopped(self.wake.notified()).await;
                continue;
            }
            news.mark_unchanged();
            match window.read(self.number, read, room) {
                Found::Events(events) => {
                    for event in &events {
                        self.feed(event);
                        read = event.position;
                    }
                }
                Found::Gone => match shared.read(read, room).await {
                    Ok(events) => {
                        for event in &events {
                            self.feed(event);
                            read = event.position;
                        }
                    }
                    Err(error) => {
                        let handler = self.name();
                        tracing::warn!(handler, %error, "the log cannot be read; trying again");
                        shared.unless_stopped(tokio::time::sleep(BACK_OFF)).await;
                    }
                },
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
            *self.read() = read;
            tokio::task::coop::consume_budget().await;
        }
    }

    /// From where to read, after `read` unless slices that were behind go on before that.
    fn go_back(&self, read: Position) -> Position {
        let mut up_to = self.read();
        let behind = self.slices().iter().filter_map(|slice| slice.resume()).min();
        *up_to = behind.map_or(read, |behind| behind.min(read));
        *up_to
    }

    fn feed(&self, read: &Read) {
        let slice = self.guarded().get(&read.shard).cloned();
        if let Some(slice) = slice {
            slice.feed(read);
        }
    }

    fn guarded(&self) -> MutexGuard<'_, BTreeMap<u16, Arc<Slice>>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
