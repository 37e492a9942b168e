//! From annotations to an application.

use std::any::TypeId;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::Modules;
use super::builder::{AppBuilder, TestOptions};
use super::handlers::{Handlers, consumer};
use super::plugin::{AnyPlugin, Plugins};
use super::providers::{Providers, undeclared};
use super::{App, BuildError, Problem, Running};
use crate::bus::{CommandBus, EventBus, EventHub, Execution, Executors, QueryBus};
use crate::delivery::{DeadLetters, Dispatcher, Engine, Failures, Lane, Route, Routes};
use crate::describe::Wired;
use crate::registry::{HandlerRegistration, Handles, MessageRegistration};
use crate::runtime::Lifecycle;
use crate::services::Services;

pub(super) fn wire(mut builder: AppBuilder) -> Result<App, BuildError> {
    let test = std::mem::take(&mut builder.test);
    let selection = Selection { only: builder.only.take(), without: builder.without.clone() };
    let mut problems = Vec::new();

    let registered = std::mem::take(&mut builder.registered);
    let handlers = Handlers::select(&selection, registered, test.only_handlers.as_deref());
    handlers.check(&selection, test.only_handlers.is_none(), &mut problems);
    check_modules(&builder.named, &selection, &mut problems);
    check_plugins(&builder.plugins, &mut problems);

    let provided = std::mem::take(&mut builder.provided);
    let mut providers = Providers::new(&selection, provided);
    providers.check_plugins(&builder.plugins, &mut problems);
    let everything = test.only_handlers.is_none();
    providers.plan(handlers.iter(), everything, &mut problems);
    if !problems.is_empty() {
        return Err(BuildError::new(problems));
    }
    let (services, provided) = providers.wired();
    let messages = inventory::iter::<MessageRegistration>();
    let messages = messages.filter(|message| selection.includes(message.source.module));
    let wired = Wired {
        messages: messages.copied().collect(),
        handlers: handlers.into_vec(),
        services,
        provided,
        plugins: builder.plugins.iter().map(|plugin| plugin.name().to_owned()).collect(),
        middleware: builder.middlewares.types().collect(),
        named: std::mem::take(&mut builder.named),
    };
    construct(&builder, test, providers, wired).map_err(|problem| BuildError::new(vec![*problem]))
}

/// Which modules' annotations count.
#[derive(Default)]
pub(super) struct Selection {
    only: Option<Modules>,
    without: Modules,
}

impl Selection {
    /// What is registered by hand is in no module and always counts.
    pub(super) fn includes(&self, module_path: &str) -> bool {
        module_path.is_empty()
            || (self.only.as_ref().is_none_or(|only| only.contain(module_path))
                && !self.without.contain(module_path))
    }
}

fn check_modules(named: &Modules, selection: &Selection, problems: &mut Vec<Problem>) {
    let contributed = || {
        use crate::registry::{HandlerRegistration, InjectableRegistration, MessageRegistration};
        let messages = inventory::iter::<MessageRegistration>().map(|message| message.source);
        let handlers = inventory::iter::<HandlerRegistration>().map(|handler| handler.source);
        let services = inventory::iter::<InjectableRegistration>().map(|service| service.source);
        messages.chain(handlers).chain(services)
    };
    for module in named.iter().chain(selection.without.iter()) {
        if !contributed().any(|source| module.contains(source.module)) {
            problems.push(Problem::EmptyModule { module: module.name().to_owned() });
        }
    }
}

fn check_plugins(plugins: &[AnyPlugin], problems: &mut Vec<Problem>) {
    let mut names: Vec<_> = plugins.iter().map(|plugin| plugin.name()).collect();
    names.sort_unstable();
    let shared = names.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
    let shared: Vec<_> =
        shared.map(|same| Problem::SharedPluginName { name: same[0].to_owned() }).collect();
    if !shared.is_empty() {
        // Nor are its handlers there twice for another reason.
        problems.retain(|problem| !is_one_handler_twice(problem));
    }
    problems.extend(shared);
}

fn is_one_handler_twice(problem: &Problem) -> bool {
    let Problem::SharedHandlerName { handlers, .. } = problem else { return false };
    handlers.iter().all(|handler| *handler == handlers[0])
}

/// Everything is proved; now it is built: buses, services, handlers, tables.
fn construct(
    builder: &AppBuilder,
    test: TestOptions,
    providers: Providers,
    wired: Wired,
) -> Result<App, Box<Problem>> {
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
    ) -> Result<Self, Box<Problem>> {
        let mut tables = Self::default();
        let mut by_event: FxHashMap<TypeId, Vec<Route>> = FxHashMap::default();
        let mut any = Vec::new();
        for registration in handlers {
            let constructed = registration.construct(services);
            let handler =
                constructed.map_err(|missing| undeclared(consumer(registration), missing))?;
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
