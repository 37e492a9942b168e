//! From the log to the lanes: appending, reading, checkpoints, leases.
//!
//! One process is a *node*. Its [`Engine`] appends what the process publishes, and keeps a window of the log's last
//! events. Each handler's subscriber reads the window, and feeds the handler's lane with the events of the shards
//! that the node has leases of. A slice is one subscription on one shard: it hears what becomes of each delivery,
//! and knows by its tracker how far the checkpoint may move.

mod codec; // events as the log keeps them, and back
mod window; // the last events of the log, for all subscriptions
mod appender; // one task that appends for all publishers
mod tracker; // how far one subscription has come on one shard
mod ways; // the same with detours for tenants with a backlog
mod slice; // one subscription on one shard: hears what becomes of each delivery
mod subscriber; // one handler's subscription: feeds its lane
mod transactions; // those in which handlers write
mod shared; // what all parts of the engine share
mod checkpoints; // saves how far the subscriptions have come
mod leases; // which shards this node works on
mod tail; // reads the end of the log into the window
mod mover; // moves scheduled events into the log
mod publishing; // what a process publishes goes to the log
mod operators; // what operators look at and change
#[cfg(test)]
mod tracker_properties;
#[cfg(test)]
mod ways_properties;

use std::any::TypeId;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::lane::{Lane, Publishes, Verdict};
use crate::log::{NewSubscription, Position, Profile, Start, Store, StoreError};
use crate::message::AnyEvent;
use crate::runtime::Lifecycle;

pub(crate) use self::appender::NotAppended;
pub(crate) use self::codec::Codec;
pub(crate) use self::subscriber::Wanted;
pub(crate) use self::transactions::StoreTransactions;

use self::leases::Leases;
use self::shared::Shared;
use self::subscriber::Subscriber;
use self::window::Window;

/// How many events the window holds.
const WINDOW: usize = 8192;

/// How long to wait before a start is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What a durable application does with a handler.
pub(crate) struct Durable {
    pub(crate) lane: Arc<Lane>,
    pub(crate) wanted: Wanted,
    pub(crate) start: Start,
}

impl Durable {
    /// The lane of a handler, with its event types; `None` is every event.
    pub(crate) fn new(lane: &Arc<Lane>, events: &[Option<TypeId>], start: Start) -> Self {
        let of = |index: usize| events.get(index).copied().flatten();
        let any = events.iter().position(Option::is_none);
        let events = (0..events.len()).filter_map(|index| Some((of(index)?, index))).collect();
        Self { lane: Arc::clone(lane), wanted: Wanted { events, any }, start }
    }
}

/// Is told what became of a delivery: the handler's name, the event, the verdict.
pub(crate) type Settled = Box<dyn Fn(&Arc<str>, &AnyEvent, Verdict<'_>) + Send + Sync>;

/// This process as a node that works on the log.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    /// With where each starts if it is new.
    subscribers: Vec<(Arc<Subscriber>, Start)>,
    subscribed: OnceCell<()>,
    started: OnceCell<()>,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        codec: Arc<Codec>,
        lifecycle: &Arc<Lifecycle>,
        handlers: Vec<Durable>,
        capacity: usize,
        settled: Settled,
        publisher: Weak<dyn Publishes>,
    ) -> Self {
        let subscribers = handlers.into_iter().enumerate().map(|(number, handler)| {
            let Durable { lane, wanted, start } = handler;
            (Arc::new(Subscriber::new(number, lane, wanted, capacity)), start)
        });
        let subscribers = subscribers.collect();
        let Profile { lease, .. } = store.profile();
        let shared = Shared {
            store,
            codec,
            lifecycle: Arc::clone(lifecycle),
            leases: Leases::new(lease),
            window: Arc::default(),
            appender: OnceLock::new(),
            settled,
            publisher,
            scheduled: Arc::default(),
            saving: Mutex::default(),
            saved_at: std::sync::Mutex::new(Instant::now()),
        };
        let (subscribed, started) = (OnceCell::new(), OnceCell::new());
        Self { shared: Arc::new(shared), subscribers, subscribed, started }
    }

    /// Whether each handler has its subscription, so that it gets what is appended from now on.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.subscribers.is_empty() || self.subscribed.initialized()
    }

    /// How many handlers want events of this type.
    pub(crate) fn wanted_by(&self, event: TypeId) -> usize {
        self.subscribers.iter().filter(|(it, _)| it.wants(event)).count()
    }

    /// As [`start`](Self::start), again and again until the store is available, or the application stops.
    pub(crate) async fn keep_starting(&self) {
        while let Err(error) = self.start().await {
            tracing::error!(%error, "the handlers cannot start; trying again");
            if !self.shared.unless_stopped(tokio::time::sleep(TRY_AGAIN)).await {
                return;
            }
        }
    }

    /// Begins to feed the lanes, once.
    pub(crate) async fn start(&self) -> Result<(), StoreError> {
        self.started.get_or_try_init(|| self.begin()).await.copied()
    }

    /// Makes the missing subscriptions, once: what is appended later reaches also the handlers that are new.
    async fn subscribe(&self) -> Result<(), StoreError> {
        self.subscribed.get_or_try_init(|| self.register()).await.copied()
    }

    async fn register(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let wanted = self
            .subscribers
            .iter()
            .map(|(it, start)| NewSubscription { name: it.name(), start: *start });
        let wanted: Vec<_> = wanted.collect();
        let registered = shared.store.register(&wanted).await?;
        for subscription in registered {
            let mut subscribers = self.subscribers.iter().map(|(it, _)| it);
            if let Some(subscriber) = subscribers.find(|it| it.name() == subscription.name) {
                subscriber.set_id(subscription.id);
            } else {
                tracing::warn!(
                    subscription = subscription.name,
                    "no handler of this build continues this subscription: its checkpoint keeps events from being \
                     pruned until it is forgotten"
                );
            }
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(), StoreError> {
        self.subscribe().await?;
        // A node that only publishes takes no shards from the others.
        if !self.subscribers.is_empty() {
            self.feed().await?;
        }
        tokio::spawn(mover::run(Arc::clone(&self.shared)));
        Ok(())
    }

    /// Begins to feed the lanes.
    async fn feed(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let subscribers = self.all_subscribers();
        let end = *shared.store.range().await?.end();
        leases::beat(shared, &subscribers).await?;
        let slices = subscribers.iter().flat_map(|it| it.slices());
        let positions: Vec<_> = slices.map(|slice| slice.read_up_to()).collect();
        let last = positions.iter().min().copied().unwrap_or(end);
        let first = positions.iter().max().copied().unwrap_or(end);
        // Handlers that are much further behind than others read the log themselves, so that the others do not wait.
        let begin = last.max(Position(first.0.saturating_sub(WINDOW as u64)));
        let _ = shared.window.set(Window::new(WINDOW, subscribers.len(), begin));
        tokio::spawn(leases::run(Arc::clone(shared), subscribers.clone()));
        tokio::spawn(checkpoints::run(Arc::clone(shared), subscribers.clone()));
        tokio::spawn(tail::run(Arc::clone(shared), subscribers.clone()));
        for subscriber in subscribers {
            tokio::spawn(subscriber.run(Arc::clone(shared)));
        }
        Ok(())
    }

    /// Hands out no more events, and takes back what waits in the lanes: other nodes, or the next start, go on with it.
    pub(crate) fn stop_feeding(&self) {
        for (subscriber, _) in &self.subscribers {
            subscriber.lane.release_waiting();
        }
    }

    /// Saves all progress and gives the shards back, after the last delivery has ended.
    pub(crate) async fn finish(&self) {
        if !self.started.initialized() {
            return;
        }
        let subscribers = self.all_subscribers();
        let finishing = async {
            let slices: Vec<_> = subscribers.iter().flat_map(|it| it.slices()).collect();
            checkpoints::save_all(&self.shared, &subscribers, &slices).await;
            leases::give_back(&self.shared, &subscribers).await;
        };
        // When its leases have ended, other nodes take the shards without it.
        let lease = self.shared.store.profile().lease;
        if tokio::time::timeout(lease, finishing).await.is_err() {
            tracing::warn!(
                "the store does not answer: what was handled last will be handled again"
            );
        }
    }

    fn all_subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.iter().map(|(it, _)| Arc::clone(it)).collect()
    }

    /// The last position of the log.
    pub(crate) async fn end(&self) -> Result<Position, StoreError> {
        self.shared.store.range().await.map(|range| *range.end())
    }

    /// Whether the handlers of this node have settled everything up to `end` in its shards; `but_waiting` leaves out
    /// those that are paused, and what waits behind dead letters.
    pub(crate) fn is_caught_up(&self, end: Position, but_waiting: bool) -> bool {
        if !self.started.initialized() {
            return self.subscribers.is_empty() || end == Position::START;
        }
        // While shards are claimed, some of them are not yet here.
        self.shared.leases.changing.try_lock().is_ok()
            && self.subscribers.iter().all(|(subscriber, _)| {
                subscriber.is_caught_up(end)
                    || (but_waiting
                        && (subscriber.lane.is_paused() || subscriber.waits_in_vain(end)))
            })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.subscribers.iter().for_each(|(subscriber, _)| subscriber.remove_all());
    }
}
