//! Building what was proved: buses, services, handlers, tables.

use std::any::TypeId;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::builder::{AppBuilder, TestOptions};
use super::handlers::consumer;
use super::plugin::Plugins;
use super::providers::{Providers, undeclared};
use super::wired::Wired;
use super::{App, Problem, Running};
use crate::bus::{CommandBus, EventBus, EventHub, Execution, Executors, QueryBus};
use crate::delivery::{DeadLetters, Dispatcher, Engine, Failures, Lane, Route, Routes};
use crate::registry::{HandlerRegistration, Handles};
use crate::runtime::Lifecycle;
use crate::services::Services;

/// Everything is proved; now it is built: buses, services, handlers, tables.
pub(super) fn construct(
    builder: &AppBuilder,
    test: TestOptions,
    providers: Providers<'_>,
    wired: Wired,
) -> Result<App, Problem> {
    let lifecycle = Arc::new(Lifecycle::default());
    let engine = Arc::new(Engine {
        lifecycle: Arc::clone(&lifecycle),
        dead_letters: DeadLetters::new(Arc::clone(&lifecycle), builder.dead_letter_capacity),
        failures: Failures::new(builder.stream_capacity),
        middlewares: builder.middlewares.clone(),
        worker_left: Notify::new(),
        kept: Notify::new(),
        interleaving: test.interleaving,
        deliver_twice: test.deliver_twice,
        probe: test.probe,
    });
    #[cfg(feature = "metrics")]
    crate::observe::describe();
    let plugins = Plugins::new(builder.plugins.clone(), builder.plugin_timeout);
    let dispatcher = Dispatcher::new(Arc::clone(&engine));
    let hub = EventHub::new(
        dispatcher,
        builder.payload_limit,
        builder.stream_capacity,
        builder.starts_by_itself && !plugins.need_start(),
    );
    let hub = Arc::new(hub);
    let command_executors = Arc::new(Executors::new(Arc::clone(&engine)));
    let query_executors = Arc::new(Executors::new(Arc::clone(&engine)));
    let events = EventBus::new(&hub);
    let commands = CommandBus::new(&command_executors);
    let queries = QueryBus::new(&query_executors);

    let services = providers.construct(&events, &commands, &queries)?;
    let tables = Tables::new(&wired.handlers, &services, &engine, builder.queue_capacity)?;
    hub.dispatcher.connect(tables.routes);
    command_executors.connect(tables.commands);
    query_executors.connect(tables.queries);
    Ok(App(Arc::new(Running {
        lifecycle,
        services,
        wired,
        hub,
        command_executors,
        query_executors,
        events,
        commands,
        queries,
        plugins,
        report: std::sync::Mutex::default(),
    })))
}

/// Where each message goes.
#[derive(Default)]
struct Tables {
    routes: Routes,
    commands: FxHashMap<TypeId, Execution>,
    queries: FxHashMap<TypeId, Execution>,
}

impl Tables {
    fn new(
        handlers: &[HandlerRegistration],
        services: &Services,
        engine: &Arc<Engine>,
        queue_capacity: usize,
    ) -> Result<Self, Problem> {
        let mut tables = Self::default();
        let mut by_event: FxHashMap<TypeId, Vec<Route>> = FxHashMap::default();
        let mut any = Vec::new();
        for registration in handlers {
            let constructed = registration.construct(services);
            let handler =
                constructed.map_err(|missing| undeclared(&consumer(registration), missing))?;
            let (executions, route) = match &registration.handles {
                Handles::Events(routes) => {
                    let lane = Arc::new(Lane::new(
                        &registration.name,
                        (registration.handler)(),
                        registration.options,
                        registration.batch,
                        queue_capacity,
                        Arc::clone(engine),
                    ));
                    for event_route in routes.iter() {
                        let Some(handler) = (event_route.erase)(Arc::clone(&handler)) else {
                            continue;
                        };
                        let route = Route { lane: Arc::clone(&lane), handler };
                        match event_route.event {
                            Some(event) => {
                                by_event.entry((event.message)().id()).or_default().push(route);
                            }
                            None => any.push(route),
                        }
                    }
                    tables.routes.lanes.push(lane);
                    continue;
                }
                Handles::Command(route) => (&mut tables.commands, route),
                Handles::Query(route) => (&mut tables.queries, route),
            };
            if let Some(handler) = (route.erase)(handler) {
                let name = registration.name.as_ref().into();
                let timeout = registration.options.timeout;
                let execution = Execution::new(handler, name, route.message.name, timeout);
                executions.insert((route.message.message)().id(), execution);
            }
        }
        tables.routes.by_event = by_event
            .into_iter()
            .map(|(event, mut routes)| {
                routes.extend(any.iter().cloned());
                routes.sort_by(|a, b| a.lane.name().cmp(b.lane.name()));
                (event, routes.into())
            })
            .collect();
        tables.routes.any = any.into();
        Ok(tables)
    }
}
