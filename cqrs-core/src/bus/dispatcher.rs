//! Hands accepted events to the lanes of their handlers.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::PublishError;
use super::capacity::Capacity;
use super::control::{HandlerControl, UnknownHandler};
use super::feed::{Feed, Route};
#[cfg(feature = "metrics")]
use super::gauges;
use super::letters::Letters;
use super::waiters::Waiters;
use crate::handler::Order;
use crate::lane::{DeliveryState, Lane, Shared};
use crate::message::AnyEvent;
use crate::schedule::Keys;
use crate::services::TypeRef;
use crate::subscription::{Engine, NotAppended, Settled};

/// How many events of different order keys can be handed on at the same time.
const ORDER_LOCKS: usize = 64;

/// Which handlers want which event.
#[derive(Default)]
pub(crate) struct Routes {
    /// One of each lane, sorted by handler name.
    lanes: Vec<Route>,
    /// Whether a handler orders its events by tenant.
    order_tenants: bool,
    /// By event type; each list includes the handlers of every event, and is sorted by handler name.
    by_event: FxHashMap<TypeId, Arc<[Route]>>,
    /// For an event that no handler names.
    any: Arc<[Route]>,
}

/// A lane before it is routed to: the event types of its handler, `None` for every event.
pub(crate) struct Unrouted {
    pub(crate) lane: Arc<Lane>,
    pub(crate) events: Vec<Option<TypeId>>,
    /// Whether it gets its events from the log.
    pub(crate) is_durable: bool,
}

/// A delivery that was not finished: its handler, its event, how many attempts had failed, and where it
/// was.
pub(crate) type Undelivered = (Arc<str>, AnyEvent, u32, DeliveryState);

/// Why an event could not be handed on.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The application is still being built.
    NotBuilt,
    ShutDown,
    NoRuntime,
    /// The log did not take it.
    NotAppended(NotAppended),
}

impl Refused {
    pub(super) fn publishing(self, event: &'static str) -> PublishError {
        match self {
            Self::ShutDown | Self::NotAppended(NotAppended::Stopped) => {
                PublishError::ShutDown { event }
            }
            Self::NotBuilt => PublishError::NotBuilt { event },
            Self::NoRuntime => PublishError::NoRuntime { event },
            Self::NotAppended(NotAppended::Unserializable(error)) => {
                PublishError::Unserializable { event, error }
            }
            Self::NotAppended(NotAppended::Unavailable(error) | NotAppended::Refused(error)) => {
                PublishError::NotStored { event, error }
            }
        }
    }
}

impl From<NotAppended> for Refused {
    fn from(error: NotAppended) -> Self {
        Self::NotAppended(error)
    }
}

/// Hands an event to one handler.
pub(crate) trait Hand: Send + Sync {
    /// `keys` are those of the handler's own order; `has_permit` says whether the tenant has a permit for
    /// this delivery.
    fn hand(&self, route: &Route, event: &AnyEvent, keys: Keys, has_permit: bool);
}

/// Hands each event on once.
pub(crate) struct Once;

impl Hand for Once {
    fn hand(&self, route: &Route, event: &AnyEvent, keys: Keys, has_permit: bool) {
        route.push(event.clone(), keys, has_permit);
    }
}

pub(crate) struct Dispatcher {
    pub(crate) shared: Arc<Shared>,
    pub(super) letters: Arc<Letters>,
    pub(super) waiters: Arc<Waiters>,
    routes: OnceLock<Routes>,
    /// With a store.
    engine: OnceLock<Arc<Engine>>,
    /// Where the workers run, once they are started.
    runtime: OnceLock<Handle>,
    hand: Box<dyn Hand>,
    hasher: RandomState,
    /// Held while the lanes get an event, so that all get the events of one order key in the same order.
    order_locks: [Mutex<()>; ORDER_LOCKS],
}

impl Routes {
    pub(crate) fn new(unrouted: Vec<Unrouted>, capacity: usize, dispatcher: &Dispatcher) -> Self {
        let mut by_event: FxHashMap<Option<TypeId>, Vec<Route>> = FxHashMap::default();
        let mut lanes = Vec::new();
        for Unrouted { lane, events, is_durable } in unrouted {
            let feed = Feed {
                handler: Arc::clone(&lane.name),
                lane: Arc::downgrade(&lane),
                dead_letters: lane.options.dead_letters,
                capacity: Capacity::new(capacity),
                lifecycle: Arc::clone(&dispatcher.shared.lifecycle),
                letters: Arc::clone(&dispatcher.letters),
                waiters: Arc::clone(&dispatcher.waiters),
            };
            let route = Route { lane, feed: Arc::new(feed), index: 0 };
            // A durable lane gets its events from the log.
            for (index, event) in events.into_iter().enumerate().filter(|_| !is_durable) {
                by_event.entry(event).or_default().push(Route { index, ..route.clone() });
            }
            lanes.push(route);
        }
        let any = by_event.remove(&None).unwrap_or_default();
        let by_event = by_event.into_iter().filter_map(|(event, mut routes)| {
            routes.extend(any.iter().cloned());
            routes.sort_by(|a, b| a.lane.name.cmp(&b.lane.name));
            Some((event?, routes.into()))
        });
        let order_tenants = lanes.iter().any(|route| route.lane.options.order == Order::Tenant);
        Self { lanes, order_tenants, by_event: by_event.collect(), any: any.into() }
    }

    fn of(&self, event: TypeId) -> &[Route] {
        self.by_event.get(&event).unwrap_or(&self.any)
    }
}

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, dead_letters: usize, hand: Box<dyn Hand>) -> Self {
        Self {
            shared,
            letters: Arc::new(Letters::new(dead_letters)),
            waiters: Arc::default(),
            routes: OnceLock::new(),
            engine: OnceLock::new(),
            runtime: OnceLock::new(),
            hand,
            hasher: RandomState::new(),
            order_locks: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    /// Sets the routes, once.
    pub(crate) fn connect(&self, routes: Routes) {
        let _ = self.routes.set(routes);
    }

    /// What the log tells of deliveries that are settled.
    pub(crate) fn settled(&self) -> Settled {
        let waiters = Arc::clone(&self.waiters);
        Box::new(move |handler, event, verdict| waiters.settle(handler, event, verdict))
    }

    /// Sets the log, once.
    pub(crate) fn connect_log(&self, engine: Arc<Engine>) {
        let _ = self.engine.set(engine);
    }

    /// The dead letters in memory.
    pub(crate) fn letters(&self) -> &Letters {
        &self.letters
    }

    /// The log, if the application has a store.
    pub(crate) fn engine(&self) -> Option<&Arc<Engine>> {
        self.engine.get()
    }

    /// Whether the application is built.
    pub(crate) fn is_connected(&self) -> bool {
        self.routes.get().is_some()
    }

    pub(crate) fn is_started(&self) -> bool {
        self.runtime.get().is_some()
    }

    /// Starts the workers on this runtime, beginning with what has been published already.
    ///
    /// A lane without deliveries starts its workers with the first one.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), Refused> {
        let current = Handle::try_current().map_err(|_| Refused::NoRuntime)?;
        let runtime = self.runtime.get_or_init(|| {
            // Not in the test kit: its paused clock would stop at every sample.
            #[cfg(feature = "metrics")]
            if self.shared.observer.is_none() {
                let (this, lifecycle) = (Arc::clone(self), Arc::clone(&self.shared.lifecycle));
                let log = self.engine().cloned();
                current.spawn(gauges::sample_regularly(lifecycle, move || this.sample(), log));
            }
            current
        });
        for route in self.lanes() {
            route.lane.start_workers(runtime);
        }
        if let Some(engine) = self.engine() {
            let engine = Arc::clone(engine);
            runtime.spawn(async move { engine.keep_starting().await });
        }
        Ok(())
    }

    /// The handlers that want events of this type.
    pub(super) fn routes_of(&self, event: TypeId) -> Result<&[Route], Refused> {
        Ok(self.routes.get().ok_or(Refused::NotBuilt)?.of(event))
    }

    /// The application's clock was moved.
    pub(crate) fn note_time(&self) {
        self.lanes().iter().for_each(|route| route.lane.note_time());
    }

    /// Takes a permit at each of `routes`, all or none. Waits for its turn at those that are full, without
    /// a permit anywhere. Cancel safe.
    pub(super) async fn take_permits(&self, routes: &[Route], tenant: u64) -> Result<(), Refused> {
        let lifecycle = &self.shared.lifecycle;
        let mut had_turn: Vec<usize> = Vec::new();
        // The route where the last turn brought a permit.
        let mut has_permit = None;
        loop {
            let taken = try_take_permits(routes, tenant, &had_turn, has_permit);
            let Err(full) = taken else { return Ok(()) };
            let turn = routes[full].feed.capacity.wait(tenant);
            lifecycle.note_change();
            tokio::select! {
                // A lane that stops is emptied, which frees permits; but a delivery would be lost then.
                biased;
                () = lifecycle.stopped() => return Err(Refused::ShutDown),
                () = turn.come() => {}
            }
            had_turn.push(full);
            has_permit = Some(full);
        }
    }

    /// Hands `event` to the handlers of `routes`, all or none. `accepted` is called before any handler can
    /// see the event.
    pub(super) fn dispatch(
        &self,
        routes: &[Route],
        event: &AnyEvent,
        has_permits: bool,
        accepted: impl FnOnce(),
    ) -> Result<(), Refused> {
        let keys = self.keys(event);
        let Some(passage) = self.shared.lifecycle.pass() else {
            if has_permits {
                for route in routes {
                    route.feed.capacity.give_back(keys.tenant);
                }
            }
            return Err(Refused::ShutDown);
        };
        let order = self.lock_order(keys);
        accepted();
        let first = self.shared.chance.as_ref().map_or(0, |chance| chance.pick(routes.len()));
        let (last, first) = routes.split_at(first);
        for route in first.iter().chain(last) {
            self.hand.hand(route, event, route.keys(keys), has_permits);
        }
        drop((order, passage));
        if let Some(runtime) = self.runtime.get() {
            for route in routes {
                route.lane.start_workers(runtime);
            }
        }
        Ok(())
    }

    /// Hands a dead letter's event to its handler again. It does not wait for capacity.
    pub(crate) fn redeliver(&self, handler: &str, event: &AnyEvent) -> Result<(), Refused> {
        let routes = self.routes_of(event.as_any().type_id())?;
        let at = routes.iter().position(|route| *route.lane.name == *handler);
        // A handler that has a dead letter of an event wants that event.
        at.map_or(Ok(()), |at| self.dispatch(&routes[at..=at], event, false, || {}))
    }

    /// As [`redeliver`](Self::redeliver), for a dead letter that blocks its order key in `lane`: before those that wait for it.
    /// Returns whether there is one.
    pub(crate) fn resume(&self, lane: &Lane, event: &AnyEvent) -> Result<bool, Refused> {
        let _passage = self.shared.lifecycle.pass().ok_or(Refused::ShutDown)?;
        Ok(lane.resume_blocking(event))
    }

    fn lock_order(&self, keys: Keys) -> Option<MutexGuard<'_, ()>> {
        let order_tenants = self.routes.get().is_some_and(|routes| routes.order_tenants);
        let key = if order_tenants { keys.tenant } else { keys.order? };
        let lock = &self.order_locks[usize::try_from(key % ORDER_LOCKS as u64).unwrap_or_default()];
        Some(lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tenant and the order key: the tenant with the value that the event is ordered by, or else with
    /// its entity.
    fn keys(&self, event: &AnyEvent) -> Keys {
        thread_local! {
            static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let tenant = event.context().tenant_key();
        let (entity, value) = event.ordered_by();
        let order = value.map(|value| {
            TEXT.with_borrow_mut(|text| {
                text.clear();
                text.push_str(entity.unwrap_or_default());
                text.push('\0');
                // A value that cannot be written whole still keeps its events in order.
                let _ = write!(text, "{value}");
                self.hasher.hash_one((tenant, &*text))
            })
        });
        Keys { tenant, order }
    }

    /// How much of what is in flight waits at handlers that do not run: paused ones, or all of them before
    /// the start; or behind a dead letter.
    pub(crate) fn waiting_in_vain(&self) -> usize {
        let is_started = self.is_started();
        let waiting = self.lanes().iter().map(|route| {
            let (waiting, is_all) = if is_started {
                route.lane.waiting_in_vain()
            } else {
                (route.lane.waiting(), true)
            };
            // If all of the queue waits in vain, so does a publisher for which it is full.
            waiting + if is_all { route.feed.capacity.waiting() } else { 0 }
        });
        waiting.sum()
    }

    /// Type and name of every handler, sorted by name.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = (TypeRef, &str)> + Clone {
        self.lanes().iter().map(|route| (route.lane.handler, &*route.lane.name))
    }

    pub(crate) fn controls(&self) -> impl Iterator<Item = HandlerControl> {
        self.lanes().iter().map(HandlerControl::new)
    }

    pub(crate) fn control(&self, name: &str) -> Result<HandlerControl, UnknownHandler> {
        let route = self.lanes().iter().find(|route| *route.lane.name == *name);
        route
            .map(HandlerControl::new)
            .ok_or_else(|| UnknownHandler::new(name, self.handlers().map(|(_, name)| name)))
    }

    pub(crate) fn has_work(&self) -> bool {
        self.lanes().iter().any(|route| route.lane.has_work())
    }

    /// Sets the gauges of what waits and what died.
    #[cfg(feature = "metrics")]
    pub(crate) fn sample(&self) {
        gauges::sample(self.lanes(), &self.letters);
    }

    /// Empties all lanes and says what was in them.
    pub(crate) fn drain(&self) -> Vec<Undelivered> {
        let drained = self.lanes().iter().flat_map(|route| {
            route.lane.drain().into_iter().map(move |(entry, state)| {
                (Arc::clone(&route.lane.name), entry.item.event, entry.attempts, state)
            })
        });
        drained.collect()
    }

    pub(super) fn lanes(&self) -> &[Route] {
        self.routes.get().map_or(&[], |routes| &routes.lanes)
    }
}

/// Takes a permit at each of `routes`, all or none. At the routes where the publisher `had_turn` it gets one in any case,
/// and it has one already at `has_permit`. Otherwise returns the first route that is full.
pub(super) fn try_take_permits(
    routes: &[Route],
    tenant: u64,
    had_turn: &[usize],
    has_permit: Option<usize>,
) -> Result<(), usize> {
    let full = routes.iter().enumerate().position(|(at, route)| {
        has_permit != Some(at) && !route.feed.capacity.try_take(tenant, had_turn.contains(&at))
    });
    let Some(full) = full else { return Ok(()) };
    for (at, route) in routes.iter().enumerate() {
        if at < full || has_permit == Some(at) {
            route.feed.capacity.give_back(tenant);
        }
    }
    Err(full)
}
