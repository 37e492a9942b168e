//! Hands accepted events to lanes.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::engine::Engine;
use super::lane::{Lane, Route};
use super::outcome::{DeliveryState, HandlerOutcome};
use super::queue::Delivery;
use crate::message::{AnyEvent, Event};
use crate::type_ref::TypeRef;

/// Which handlers want which event.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// By event type; each list includes the handlers of every event, and is sorted by handler name.
    pub(crate) by_event: FxHashMap<TypeId, Arc<[Route]>>,
    /// For an event that no handler names.
    pub(crate) any: Arc<[Route]>,
}

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
    keys: RandomState,
}

impl Dispatcher {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            routes: OnceLock::new(),
            started: AtomicBool::new(false),
            keys: RandomState::new(),
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
        self.started.store(true, SeqCst);
        for lane in self.lanes().iter().filter(|lane| lane.has_work()) {
            lane.ensure_workers().map_err(|_| Refused::NoRuntime)?;
        }
        Ok(())
    }

    /// Hands `event` to every handler that wants it: to all, or, when refused or cancelled, to none.
    ///
    /// `unbounded` is for what handlers publish: waiting for room could then be waiting for oneself.
    /// With `wait`, the receivers yield the handlers' outcomes.
    pub(crate) async fn dispatch<E: Event>(
        &self,
        event: &AnyEvent,
        unbounded: bool,
        wait: bool,
    ) -> Result<Vec<(Arc<str>, oneshot::Receiver<HandlerOutcome>)>, Refused> {
        Handle::try_current().map_err(|_| Refused::NoRuntime)?;
        let routes = self.routes_of::<E>()?;
        let mut rooms = Vec::with_capacity(routes.len());
        for route in routes.iter() {
            let room = if unbounded {
                None
            } else {
                Some(route.lane.reserve().await.ok_or(Refused::ShutDown)?)
            };
            rooms.push((route, room));
        }

        // From here on nothing waits, so the event reaches all of its handlers or none.
        let key = self.key(event);
        if let Some(interleaving) = &self.engine.interleaving {
            interleaving.shuffle(&mut rooms);
        }
        let mut receivers = Vec::new();
        for (route, room) in rooms {
            let waiter = wait.then(|| {
                let (sender, receiver) = oneshot::channel();
                receivers.push((Arc::clone(&route.lane.handler_name), receiver));
                sender
            });
            route.lane.push(Delivery {
                event: event.clone(),
                handler: Arc::clone(&route.handler),
                key,
                attempts: 0,
                repeated: false,
                waiter,
                _room: room,
                _in_flight: self.engine.lifecycle.enter(),
            });
        }
        // After the push: a start that came in between has looked at the lanes already.
        if self.is_started() {
            for route in routes.iter() {
                // There is a runtime, as seen above.
                let _ = route.lane.ensure_workers();
            }
        }
        Ok(receivers)
    }

    pub(crate) fn handlers(&self) -> impl Iterator<Item = (TypeRef, &str)> + Clone {
        self.lanes().iter().map(|lane| (lane.handler, lane.name()))
    }

    pub(crate) fn has_work(&self) -> bool {
        self.lanes().iter().any(|lane| lane.has_work())
    }

    /// Empties all lanes and says what was in them.
    pub(crate) fn drain(&self) -> Vec<(Arc<str>, AnyEvent, u32, DeliveryState)> {
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

    /// What must stay in order: tenant and entity. An event without an entity id has no order.
    fn key(&self, event: &AnyEvent) -> Option<u64> {
        thread_local! {
            static ID: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let entity_id = event.entity_id()?;
        ID.with_borrow_mut(|id| {
            id.clear();
            write!(id, "{entity_id}").ok()?;
            Some(self.keys.hash_one((event.context().tenant(), &*id)))
        })
    }
}
