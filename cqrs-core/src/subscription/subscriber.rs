//! One handler's subscription: reads the log at its own pace, and feeds the handler's lane.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::Engine;
use super::codec::{Content, Read};
use super::slice::Slice;
use super::window::Found;
use crate::handler::Order;
use crate::lane::{Delivery, Lane};
use crate::log::{Parked, Position, SubscriptionId};
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
    /// From where to read again.
    rewind: Mutex<Option<Position>>,
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
            rewind: Mutex::default(),
        }
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

    pub(super) fn slices(&self) -> Vec<Arc<Slice>> {
        self.guarded().values().cloned().collect()
    }

    /// Begins to work on a shard, after its checkpoint.
    pub(super) fn add(&self, slice: Arc<Slice>) {
        let from = slice.read_up_to();
        self.guarded().insert(slice.lease.shard, slice);
        self.read_again_after(from);
    }

    /// Ends the work on a shard: no attempt of it begins from now on.
    pub(super) fn remove(&self, shard: u16) {
        if let Some(slice) = self.guarded().remove(&shard) {
            slice.revoke();
        }
    }

    fn read_again_after(&self, position: Position) {
        let mut rewind = self.rewind.lock().unwrap_or_else(PoisonError::into_inner);
        *rewind = Some(rewind.map_or(position, |earlier| earlier.min(position)));
        drop(rewind);
        self.wake.notify_one();
    }

    /// Which of the lane's handlers wants the event, if one does.
    pub(super) fn index_of(&self, read: &Read) -> Option<usize> {
        let event = match &read.content {
            Content::Event(event) => Some(event.type_id()),
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
            Some(parked) => self.lane.push_again(delivery, keys, parked),
        }
    }

    /// So many deliveries are not open in the lane any more, or are parked now.
    pub(super) fn release(&self, count: usize) {
        if count > 0 && self.open.fetch_sub(count, SeqCst) >= self.limit {
            self.wake.notify_one();
        }
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Feeds the lane until the application stops.
    pub(super) async fn run(self: Arc<Self>, engine: Arc<Engine>) {
        let Some(window) = engine.window.get() else { return };
        let (mut read, mut news) = (window.end(), window.watch());
        while engine.is_feeding() {
            let again = self.rewind.lock().unwrap_or_else(PoisonError::into_inner).take();
            let again = self.slices().iter().filter_map(|slice| slice.resume()).chain(again).min();
            read = again.map_or(read, |again| again.min(read));
            let room = self.limit.saturating_sub(self.open.load(SeqCst)).min(CHUNK);
            if room == 0 || self.guarded().is_empty() {
                engine.unless_stopped(self.wake.notified()).await;
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
                Found::Gone => match engine.read_page(read, room).await {
                    Ok(events) => {
                        for event in &events {
                            self.feed(event);
                            read = event.position;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(handler = self.name(), %error, "the log cannot be read; trying again");
                        engine.unless_stopped(tokio::time::sleep(BACK_OFF)).await;
                    }
                },
                Found::End => {
                    let woken = async {
                        tokio::select! {
                            _ = news.changed() => {}
                            () = self.wake.notified() => {}
                        }
                    };
                    engine.unless_stopped(woken).await;
                }
            }
            tokio::task::coop::consume_budget().await;
        }
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
