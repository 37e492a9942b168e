//! Hands accepted events to lanes.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::control::{HandlerControl, UnknownHandler};
use super::engine::Engine;
#[cfg(feature = "metrics")]
use super::gauges;
use super::lane::{Lane, Route};
use super::outcome::{DeliveryState, HandlerOutcome};
use super::queue::{Delivery, Keys};
use crate::message::{AnyEvent, Event};
use crate::services::TypeRef;

/// Which handlers want which event.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// By event type; each list includes the handlers of every event, and is sorted by handler name.
    pub(crate) by_event: FxHashMap<TypeId, Arc<[Route]>>,
    /// For an event that no handler names.
    pub(crate) any: Arc<[Route]>,
}

/// A delivery that was not finished: its handler, its event, how many attempts had failed, and where it
/// was.
pub(crate) type Undelivered = (Arc<str>, AnyEvent, u32, DeliveryState);

/// Why an event could not be handed on.
#[derive(Debug)]
pub(crate) enum Refused {
    ShutDown,
    NoRuntime,
}

pub(crate) struct Dispatcher {
    pub(crate) engine: Arc<Engine>,
    routes: OnceLock<Routes>,
    started: AtomicBool,
    #[cfg(feature = "metrics")]
    is_sampled: AtomicBool,
    hasher: RandomState,
}

impl Dispatcher {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            routes: OnceLock::new(),
            started: AtomicBool::new(false),
            #[cfg(feature = "metrics")]
            is_sampled: AtomicBool::new(false),
            hasher: RandomState::new(),
        }
    }

    /// Sets the routes, once.
    pub(crate) fn connect(&self, routes: Routes) {
        self.engine.dead_letters.connect(&routes.lanes);
        let _ = self.routes.set(routes);
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(SeqCst)
    }

    /// Lets the workers run, and begins with what has been published already.
    ///
    /// A lane without deliveries starts its workers with the first one.
    pub(crate) fn start(&self) -> Result<(), Refused> {
        Handle::try_current().map_err(|_| Refused::NoRuntime)?;
        self.started.store(true, SeqCst);
        #[cfg(feature = "metrics")]
        self.sample_regularly();
        self.staff();
        Ok(())
    }

    /// Sees to it that lanes with work have workers.
    fn staff(&self) {
        if self.is_started() {
            for lane in self.lanes().iter().filter(|lane| lane.has_work()) {
                // Where there is no runtime, whoever waits inside one will see to it.
                let _ = lane.ensure_workers();
            }
        }
    }

    /// Runs `waiting`, and starts workers anew whose runtime goes meanwhile. Cancel safe if `waiting` is.
    pub(crate) async fn staffed<F: Future>(&self, waiting: F) -> F::Output {
        let mut waiting = pin!(waiting);
        loop {
            let mut worker_left = pin!(self.engine.worker_left.notified());
            worker_left.as_mut().enable();
            self.staff();
            tokio::select! {
                biased;
                output = &mut waiting => return output,
                () = worker_left => {}
            }
        }
    }

    /// Empties the lanes of workers that were never started again and again, until nothing is in flight.
    pub(crate) async fn discard_kept(&self, discarded: &mut Vec<Undelivered>) {
        loop {
            let mut kept = pin!(self.engine.kept.notified());
            kept.as_mut().enable();
            discarded.extend(self.drain());
            tokio::select! {
                biased;
                () = self.engine.lifecycle.idle() => return,
                () = kept => {}
            }
        }
    }

    /// Hands `event` to every handler that wants it: to all, or, when refused or cancelled, to none.
    ///
    /// `unbounded` is for what handlers publish: waiting for room could then be waiting for oneself.
    /// With `wait`, the receivers yield the handlers' outcomes. `accepted` is called before any handler
    /// can see the event.
    pub(crate) async fn dispatch<E: Event>(
        &self,
        event: &AnyEvent,
        unbounded: bool,
        wait: bool,
        accepted: impl FnOnce(),
    ) -> Result<Vec<(Arc<str>, oneshot::Receiver<HandlerOutcome>)>, Refused> {
        Handle::try_current().map_err(|_| Refused::NoRuntime)?;
        let routes = self.routes_of::<E>()?;
        let keys = self.keys(event);
        let mut places = Vec::with_capacity(routes.len());
        for route in routes.iter() {
            let place = if unbounded {
                None
            } else {
                Some(route.lane.reserve(keys.tenant).await.ok_or(Refused::ShutDown)?)
            };
            places.push((route, place));
        }

        // From here on nothing waits, so the event reaches all of its handlers or none.
        let passage = self.engine.lifecycle.pass().ok_or(Refused::ShutDown)?;
        accepted();
        if let Some(interleaving) = &self.engine.interleaving {
            interleaving.shuffle(&mut places);
        }
        let mut receivers = Vec::new();
        for (route, place) in places {
            let waiter = wait.then(|| {
                let (sender, receiver) = oneshot::channel();
                receivers.push((Arc::clone(&route.lane.handler_name), receiver));
                sender
            });
            route.lane.push(Delivery {
                event: event.clone(),
                handler: Arc::clone(&route.handler),
                keys,
                attempts: 0,
                repeated: false,
                alone: false,
                due: None,
                waiter,
                _place: place,
                _in_flight: self.engine.lifecycle.enter(),
            });
        }
        drop(passage);
        // After the push: a start that came in between has looked at the lanes already.
        if self.is_started() {
            for route in routes.iter() {
                // There is a runtime, as seen above.
                let _ = route.lane.ensure_workers();
            }
        } else {
            self.engine.kept.notify_waiters();
        }
        Ok(receivers)
    }

    pub(crate) fn handlers(&self) -> impl Iterator<Item = (TypeRef, &str)> + Clone {
        self.lanes().iter().map(|lane| (lane.handler, lane.name()))
    }

    /// Sets the gauges of what is waiting and what died.
    #[cfg(feature = "metrics")]
    pub(crate) fn sample(&self) {
        gauges::sample(self.lanes(), &self.engine.dead_letters);
    }

    /// As often as it is asked for, one task does it. Not in the test kit, where a paused clock that
    /// looks for the end of a year would stop at every sample.
    #[cfg(feature = "metrics")]
    fn sample_regularly(&self) {
        if self.engine.probe.is_none() && !self.is_sampled.swap(true, SeqCst) {
            let (lanes, engine) = (self.lanes().to_vec(), Arc::clone(&self.engine));
            tokio::spawn(gauges::sample_regularly(lanes, engine));
        }
    }

    pub(crate) fn controls(&self) -> impl Iterator<Item = HandlerControl> {
        self.lanes().iter().map(HandlerControl::new)
    }

    pub(crate) fn control(&self, name: &str) -> Result<HandlerControl, UnknownHandler> {
        let lane = self.lanes().iter().find(|lane| *lane.handler_name == *name);
        lane.map(HandlerControl::new)
            .ok_or_else(|| UnknownHandler::new(name, self.lanes().iter().map(|lane| lane.name())))
    }

    pub(crate) fn has_work(&self) -> bool {
        self.lanes().iter().any(|lane| lane.has_work())
    }

    /// Empties all lanes and says what was in them.
    pub(crate) fn drain(&self) -> Vec<Undelivered> {
        let lanes = self.lanes().iter();
        let drained = lanes.flat_map(|lane| {
            let name = &lane.handler_name;
            lane.drain().into_iter().map(move |(delivery, state)| {
                (Arc::clone(name), delivery.event, delivery.attempts, state)
            })
        });
        drained.collect()
    }

    fn routes_of<E: Event>(&self) -> Result<&Arc<[Route]>, Refused> {
        // Not connected: the application is still being built.
        let routes = self.routes.get().ok_or(Refused::ShutDown)?;
        Ok(routes.by_event.get(&TypeId::of::<E>()).unwrap_or(&routes.any))
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        self.routes.get().map_or(&[], |routes| &routes.lanes)
    }

    /// Whose turn it is, and what must stay in order. An event without an entity id has no order.
    fn keys(&self, event: &AnyEvent) -> Keys {
        thread_local! {
            static ID: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let tenant = event.context().tenant_key();
        let entity = event.entity_id().map(|entity_id| {
            ID.with_borrow_mut(|id| {
                id.clear();
                // An id that cannot be written whole still keeps its events in order.
                let _ = write!(id, "{entity_id}");
                self.hasher.hash_one((tenant, &*id))
            })
        });
        Keys { tenant, entity }
    }
}
