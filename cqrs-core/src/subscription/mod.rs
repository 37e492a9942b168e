//! From the log to the lanes: appending, reading, checkpoints, leases.
//!
//! One process is a *node*. Its [`Engine`] appends what the process publishes, and keeps a window of the log's last
//! events. Each handler's subscriber reads the window, and feeds the handler's lane with the events of the shards
//! that the node has leases of. A slice is one subscription on one shard: it hears what becomes of each delivery,
//! and knows by its tracker how far the checkpoint may move.

mod appender;
mod checkpoints;
mod codec;
mod leases;
mod mover;
mod slice;
mod subscriber;
mod tail;
mod tracker;
mod transactions;
mod ways;
#[cfg(test)]
mod ways_properties;
#[cfg(test)]
mod tracker_properties;
mod window;

use std::any::TypeId;
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, OnceCell};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::context::{Context, TenantId, TenantScope};
use crate::handler::{AttemptError, Rejection};
use crate::lane::{Deferred, Lane, Publishes, Verdict};
use crate::log::{
    Edit, Entry, NewSubscription, Position, Profile, ScheduledEvent, Staged, Start, Store,
    StoreError, SubscriptionProgress,
};
use crate::message::AnyEvent;
#[cfg(feature = "metrics")]
use crate::observe;
use crate::runtime::Lifecycle;

pub(crate) use self::appender::NotAppended;
pub(crate) use self::codec::Codec;
pub(crate) use self::subscriber::Wanted;
pub(crate) use self::transactions::StoreTransactions;

use self::appender::Appender;
use self::codec::Read;
use self::leases::Leases;
use self::subscriber::Subscriber;
use self::window::Window;

/// How many events the window holds.
const WINDOW: usize = 8192;

/// How many publishers may wait for their events to be appended, before the next ones wait for a turn.
const QUEUE: usize = 4096;

/// How long the store is tried for an event, if the context of the publish has no deadline.
const PUBLISH_FOR: Duration = Duration::from_secs(30);

/// How long to wait before a start is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How long the store may take to say how far the subscriptions have come, before it counts as unreachable.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How often it is looked whether this node still works on a shard.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

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

/// What all parts of the engine share.
struct Shared {
    store: Arc<dyn Store>,
    codec: Arc<Codec>,
    lifecycle: Arc<Lifecycle>,
    leases: Leases,
    /// Made at the start, because it begins where the subscriptions are.
    window: Arc<OnceLock<Window>>,
    /// Started by the first event, since it needs a runtime.
    appender: OnceLock<Appender>,
    settled: Settled,
    /// Hands events to the handlers that get theirs from memory.
    publisher: Weak<dyn Publishes>,
    /// Notified when an event was scheduled.
    scheduled: Arc<Notify>,
    /// Held while progress is saved.
    saving: Mutex<()>,
    /// When progress was saved, or there was none to save.
    saved_at: std::sync::Mutex<Instant>,
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

    /// Appends `events`, all or none. They are durable when it returns.
    ///
    /// If the future is dropped, they may be appended or not.
    pub(crate) async fn publish(
        &self,
        ctx: &Context,
        events: Vec<AnyEvent>,
    ) -> Result<(), NotAppended> {
        let encoded: Result<Vec<_>, _> =
            events.iter().map(|event| self.shared.codec.encode(event)).collect();
        let encoded = encoded.map_err(NotAppended::Unserializable)?;
        let entry = Entry { events: encoded, ..Entry::default() };
        self.append(ctx, entry, events).await
    }

    /// Schedules `event`. The store has it when it returns.
    ///
    /// If the future is dropped, it may be scheduled or not.
    pub(crate) async fn publish_at(
        &self,
        ctx: &Context,
        due: Timestamp,
        event: &AnyEvent,
    ) -> Result<(), NotAppended> {
        let event = self.shared.codec.encode(event).map_err(NotAppended::Unserializable)?;
        let scheduled = vec![ScheduledEvent { due, event }];
        self.append(ctx, Entry { scheduled, ..Entry::default() }, Vec::new()).await
    }

    /// Cancels a scheduled event. Returns whether it was still scheduled.
    pub(crate) async fn cancel(&self, id: Uuid) -> Result<bool, StoreError> {
        self.shared.store.cancel(id).await
    }

    /// An event was scheduled in a transaction that has committed.
    pub(crate) fn note_scheduled(&self) {
        self.shared.scheduled.notify_one();
    }

    async fn append(
        &self,
        ctx: &Context,
        entry: Entry,
        events: Vec<AnyEvent>,
    ) -> Result<(), NotAppended> {
        let deadline = Self::deadline(ctx);
        self.subscribe_before(deadline).await?;
        self.shared.appender().append(entry, events, deadline).await.map(drop)
    }

    /// Until when the store is tried for an event.
    fn deadline(ctx: &Context) -> Instant {
        ctx.deadline().unwrap_or_else(|| Instant::now() + PUBLISH_FOR)
    }

    /// Returns when this node does not work on the shard of `event`, and has told its waiter so: what becomes of the
    /// event is not known here. Cancel safe.
    pub(crate) async fn elsewhere(&self, event: &AnyEvent) {
        let shard = self.shared.codec.shard_of(event);
        let is_here = || self.subscribers.iter().any(|(it, _)| it.works_on(shard));
        let lifecycle = &self.shared.lifecycle;
        while !lifecycle.is_stopped() && (!self.started.initialized() || is_here()) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let why = "another node handles it, or this application after its next start";
        let error = AttemptError::Rejected(Rejection::unavailable(why));
        let verdict = Verdict::Dead { attempts: 0, error: &error };
        let subscribers = self.subscribers.iter().filter(|(it, _)| it.wants(event.event_type()));
        for (subscriber, _) in subscribers {
            (self.shared.settled)(&subscriber.lane.name, event, verdict);
        }
    }

    /// The event for a transaction of the store's database.
    pub(crate) fn stage(&self, event: &AnyEvent) -> serde_json::Result<Staged> {
        let store = Arc::clone(&self.shared.store);
        Ok(Staged { store, event: self.shared.codec.encode(event)? })
    }

    /// Appends an event that was deferred by a handler in memory; nothing waits for it. Such a handler runs only after
    /// an event was appended, so each handler has its subscription.
    pub(crate) fn publish_now(&self, deferred: Deferred) {
        let in_flight = self.shared.lifecycle.enter();
        let (name, to) = (deferred.event.name(), Arc::clone(&deferred.to));
        let deadline = Self::deadline(deferred.event.context());
        let encoded = self.shared.codec.entry([deferred]).map_err(NotAppended::Unserializable);
        let appended = encoded.map(|(entry, events)| {
            self.shared.appender().append_now(entry, events, deadline, Some(to))
        });
        tokio::spawn(async move {
            let result = match appended {
                Ok(appended) => appended.await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::error!(event = name, %error, "an event that a handler published was not accepted");
            }
            drop(in_flight);
        });
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

    /// As [`subscribe`](Self::subscribe), again and again until the deadline if the store is not available.
    async fn subscribe_before(&self, deadline: Instant) -> Result<(), NotAppended> {
        loop {
            match self.subscribe().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_temporary() => {
                    return Err(NotAppended::Refused(Arc::new(error)));
                }
                Err(error) if Instant::now() >= deadline => {
                    return Err(NotAppended::Unavailable(Arc::new(error)));
                }
                Err(_) => tokio::time::sleep_until(deadline.min(Instant::now() + TRY_AGAIN)).await,
            }
        }
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
        let begin = slices.map(|slice| slice.read_up_to()).min().unwrap_or(end);
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

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// How far the subscriptions have come, without what this node has not saved yet. Fails soon if the store does not
    /// answer.
    pub(crate) async fn progress(&self) -> Result<Vec<SubscriptionProgress>, StoreError> {
        let answer = tokio::time::timeout(ANSWERS_WITHIN, self.shared.store.subscriptions()).await;
        answer.unwrap_or_else(|_| {
            let why = format!("it did not answer within {ANSWERS_WITHIN:?}");
            Err(StoreError::Unavailable(why.into()))
        })
    }

    /// Sets the gauges of the subscriptions of this build's handlers.
    #[cfg(feature = "metrics")]
    pub(crate) async fn sample(&self) {
        if self.subscribers.is_empty() || !self.started.initialized() {
            return;
        }
        observe::set_checkpoint_age(self.shared.saved_at().elapsed());
        match self.progress().await {
            Ok(progress) => {
                for SubscriptionProgress { subscription, lag, parked, .. } in progress {
                    let mut subscribers = self.subscribers.iter().map(|(it, _)| it);
                    if let Some(subscriber) = subscribers.find(|it| it.name() == subscription.name)
                    {
                        observe::set_subscription(&subscriber.lane.name, lag, parked);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "the lag of the handlers cannot be sampled"),
        }
    }

    /// On how many shards this node works, and how many there are.
    pub(crate) fn shards(&self) -> (usize, u16) {
        let first = self.subscribers.first().filter(|_| self.shared.leases.are_valid());
        let working = first.map_or(0, |(it, _)| it.working_leases().len());
        (working, self.shared.store.profile().shards)
    }

    /// Whether a handler of this build continues the subscription with this name.
    pub(crate) fn handles(&self, name: &str) -> bool {
        self.subscribers.iter().any(|(it, _)| it.name() == name)
    }

    pub(crate) async fn has_subscription(&self, name: &str) -> Result<bool, StoreError> {
        let all = self.shared.store.subscriptions().await?;
        Ok(all.iter().any(|it| it.subscription.name == name))
    }

    /// Saves what this node has settled, so that the store shows it.
    pub(crate) async fn save_all(&self) {
        let subscribers = self.all_subscribers();
        for subscriber in &subscribers {
            subscriber.pass();
        }
        let slices: Vec<_> = subscribers.iter().flat_map(|it| it.slices()).collect();
        checkpoints::save_twice(&self.shared, &subscribers, &slices).await;
    }

    /// Changes what an operator has asked for. A shard that this node has and that the change takes away is given
    /// back before, when its running attempts have ended, so that they are not repeated.
    pub(crate) async fn edit(&self, edit: &Edit<'_>) -> Result<u64, StoreError> {
        let subscribers = self.all_subscribers();
        let slices = subscribers.iter().flat_map(|it| it.slices());
        let taken = slices.filter(|slice| match edit {
            Edit::Redeliver { delivery, .. } | Edit::Discard(delivery) => {
                slice.has_parked(*delivery)
            }
            Edit::Reset { .. } | Edit::Forget { .. } => true,
            Edit::Pause { .. } | Edit::Prune { .. } => false,
        });
        let taken: HashSet<_> = taken.map(|slice| slice.lease).collect();
        let mut handing_over = JoinSet::new();
        for lease in &taken {
            let shared = Arc::clone(&self.shared);
            handing_over.spawn(leases::hand_over(shared, subscribers.clone(), *lease));
        }
        handing_over.join_all().await;
        let changed = self.shared.store.edit(edit).await;
        // At once, and not with the next beat.
        let is_news = !taken.is_empty() || matches!(edit, Edit::Pause { .. });
        if is_news && let Err(error) = leases::beat(&self.shared, &subscribers).await {
            tracing::warn!(%error, "this node learns later of what an operator has changed");
        }
        changed
    }

    fn all_subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.subscribers.iter().map(|(it, _)| Arc::clone(it)).collect()
    }

    /// The last position of the log.
    pub(crate) async fn end(&self) -> Result<Position, StoreError> {
        self.shared.store.range().await.map(|range| *range.end())
    }

    /// Whether the handlers of this node have settled everything up to `end` in its shards; `but_paused` leaves out
    /// those that are paused.
    pub(crate) fn is_caught_up(&self, end: Position, but_paused: bool) -> bool {
        if !self.started.initialized() {
            return self.subscribers.is_empty() || end == Position::START;
        }
        // While shards are claimed, some of them are not yet here.
        self.shared.leases.changing.try_lock().is_ok()
            && self.subscribers.iter().all(|(subscriber, _)| {
                subscriber.is_caught_up(end)
                    || (but_paused && subscriber.lane.waiting_while_paused().is_some())
            })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.subscribers.iter().for_each(|(subscriber, _)| subscriber.remove_all());
    }
}

impl Shared {
    fn appender(&self) -> &Appender {
        self.appender.get_or_init(|| {
            let (store, window) = (Arc::clone(&self.store), Arc::clone(&self.window));
            Appender::start(store, window, Arc::clone(&self.scheduled), QUEUE)
        })
    }

    fn saved_at(&self) -> MutexGuard<'_, Instant> {
        self.saved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Progress was saved, or there is none to save.
    fn note_saved(&self) {
        *self.saved_at() = Instant::now();
    }

    /// Whether the lanes are fed: until a shutdown begins.
    fn is_feeding(&self) -> bool {
        !self.lifecycle.draining.is_cancelled()
    }

    /// Waits for `event`, but not longer than the lanes are fed. Returns whether they still are.
    async fn unless_stopped(&self, event: impl Future) -> bool {
        let event = pin!(event);
        tokio::select! {
            biased;
            () = self.lifecycle.draining.cancelled() => false,
            _ = event => true,
        }
    }

    /// The events after `after`, which is the window's end. The event there is read with them: if it is another one
    /// than before, the log has gone back, and others have appended since.
    async fn read_on(
        &self,
        window: &Window,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Read>, StoreError> {
        if after == Position::START {
            return self.read(after, limit).await;
        }
        let before = Position(after.0 - 1);
        let mut page = match self.store.read(before, limit + 1).await {
            Err(StoreError::WentBack { end, .. }) => {
                return Err(StoreError::WentBack { end, seen: after });
            }
            page => page?,
        };
        let end = page.last().map_or(before, |it| it.position);
        match page.first() {
            Some(last) if last.position == after && window.is_of(after, last.event.id) => {
                page.remove(0);
            }
            // It has been pruned.
            Some(next) if next.position > after => {}
            _ => return Err(StoreError::WentBack { end, seen: after }),
        }
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }

    /// The events after `after` and up to `end`, decoded, without those of the tenants in `without`.
    async fn read_others(
        &self,
        after: Position,
        end: Position,
        without: &[TenantScope],
        limit: usize,
    ) -> Result<Vec<Read>, StoreError> {
        let without = without.iter().map(|tenant| tenant.id().map_or("", TenantId::as_str));
        let without: Vec<_> = without.collect();
        let page = self.store.read_others(after, end, &without, limit).await?;
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }

    /// The events after `after`, decoded.
    async fn read(&self, after: Position, limit: usize) -> Result<Vec<Read>, StoreError> {
        let page = self.store.read(after, limit).await?;
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }
}
