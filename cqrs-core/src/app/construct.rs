//! Builds the application after its wiring was proved: buses, services, handlers, tables.

use std::any::TypeId;
use std::sync::Arc;

use super::builder::{AppBuilder, TestOptions};
use super::plugin::Plugins;
use super::providers::Providers;
use super::wired::Wired;
use super::{App, Running};
use crate::bus::{
    CommandBus, DeadLetters, Dispatcher, EventBus, EventHub, Execution, Executors, Once,
    PublishOptions, QueryBus, Routes, Unrouted,
};
use crate::lane::{Failures, Lane, Shared};
use crate::message::MessageKind;
use crate::registry::{AnyHandler, EventRoute, HandlerRegistration, Handles};
use crate::runtime::Lifecycle;
use crate::services::Services;
use rustc_hash::FxHashMap;

/// Builds the buses, services, handlers and tables. The wiring has been proved, so nothing is missing.
pub(super) fn construct(
    builder: &AppBuilder,
    test: TestOptions,
    providers: Providers<'_>,
    wired: Wired,
) -> App {
    let lifecycle = Arc::new(Lifecycle::default());
    let shared = Arc::new(Shared {
        lifecycle: Arc::clone(&lifecycle),
        failures: Failures::new(builder.stream_capacity),
        middlewares: builder.middlewares.clone(),
        validators: providers.catalogue.validators(),
        chance: test.chance,
        observer: test.observer,
    });
    #[cfg(feature = "metrics")]
    crate::observe::describe();
    let plugins = Plugins::new(builder.plugins.clone(), builder.plugin_timeout);
    let hand = test.hand.unwrap_or_else(|| Box::new(Once));
    let dispatcher = Dispatcher::new(Arc::clone(&shared), builder.dead_letter_capacity, hand);
    let dispatcher = Arc::new(dispatcher);
    let publishing = PublishOptions {
        payload_limit: builder.payload_limit,
        cascade_limit: builder.cascade_limit,
        stream_capacity: builder.stream_capacity,
        unhandled: Arc::clone(&wired.unhandled),
        starts_by_itself: builder.starts_by_itself && !plugins.need_start(),
    };
    let hub = Arc::new(EventHub::new(Arc::clone(&dispatcher), publishing));
    let command_executors = Arc::new(Executors::new(Arc::clone(&shared)));
    let query_executors = Arc::new(Executors::new(Arc::clone(&shared)));
    let events = EventBus::new(&hub);
    let commands = CommandBus::new(&command_executors);
    let queries = QueryBus::new(&query_executors);

    let services = providers.construct(&events, &commands, &queries);
    let tables = Tables::new(&wired.handlers, &services, &shared);
    dispatcher.connect(Routes::new(tables.lanes, builder.queue_capacity, &dispatcher));
    command_executors.connect(tables.commands);
    query_executors.connect(tables.queries);
    App(Arc::new(Running {
        lifecycle,
        services,
        wired,
        hub,
        dead_letters: DeadLetters::new(&dispatcher),
        command_executors,
        query_executors,
        events,
        commands,
        queries,
        plugins,
        report: std::sync::Mutex::default(),
    }))
}

/// Where each message goes.
#[derive(Default)]
struct Tables {
    lanes: Vec<Unrouted>,
    commands: FxHashMap<TypeId, Arc<Execution>>,
    queries: FxHashMap<TypeId, Arc<Execution>>,
}

impl Tables {
    /// `handlers` are sorted by name.
    fn new(handlers: &[HandlerRegistration], services: &Services, shared: &Arc<Shared>) -> Self {
        let mut tables = Self::default();
        for registration in handlers {
            let handler = registration.construct(services);
            let route = match &registration.handles {
                Handles::Events(routes) => {
                    tables.lanes.push(lane(registration, routes, &handler, shared));
                    continue;
                }
                Handles::Execution(route) => route,
            };
            let executions = match route.message.kind {
                MessageKind::Query => &mut tables.queries,
                _ => &mut tables.commands,
            };
            let handler = (route.erase)(handler);
            let name = registration.name.as_ref().into();
            let timeout = registration.options.timeout;
            let execution = Execution::new(handler, name, route.message.name, timeout);
            executions.insert((route.message.message)().id(), execution);
        }
        tables
    }
}

fn lane(
    registration: &HandlerRegistration,
    routes: &[EventRoute],
    handler: &AnyHandler,
    shared: &Arc<Shared>,
) -> Unrouted {
    let erased = routes.iter().map(|route| {
        let event = route.event.map(|event| (event.message)().id());
        (event, (route.erase)(Arc::clone(handler)))
    });
    let (events, handlers) = erased.unzip();
    let lane = Lane::new(
        &registration.name,
        (registration.handler)(),
        registration.options,
        registration.batch,
        handlers,
        Arc::clone(shared),
    );
    Unrouted { lane, events }
}
