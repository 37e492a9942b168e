//! Builds the application after its wiring was proved: buses, services, handlers, tables.

use std::any::TypeId;
use std::sync::{Arc, Weak};

use super::plugin::Plugins;
use super::wiring::Plan;
use super::{App, BuildError, Running};
use crate::bus::{
    CommandBus, Dispatcher, EventBus, EventHub, Execution, Executors, Once, PublishOptions,
    QueryBus, Routes, Unrouted,
};
use crate::handler::Transactions;
use crate::lane::{Deaths, DeliveryDied, Lane, Publishes, Shared};
use crate::message::{Decoder, MessageKind};
use crate::operations::{OperationPerformed, Operations};
use crate::registry::{AnyHandler, ExecutionRoute, HandlerRegistration, Means};
use crate::runtime::{Broadcast, Lifecycle};
use crate::subscription::{Codec, Durable, Engine, StoreTransactions};
use rustc_hash::FxHashMap;

/// Builds the buses, services, handlers and tables. The wiring has been proved, so nothing is missing.
///
/// It waits only for providers that are asynchronous.
pub(super) async fn construct(plan: Plan) -> Result<App, BuildError> {
    let Plan { builder, test, providers, wired } = plan;
    let lifecycle = Arc::new(Lifecycle::default());
    let shared = Arc::new(Shared {
        lifecycle: Arc::clone(&lifecycle),
        failures: Broadcast::default(),
        middlewares: builder.middlewares.clone(),
        validators: providers.catalogue.validators(),
        chance: test.chance,
        deaths: Deaths::default(),
        observer: test.observer,
    });
    #[cfg(feature = "metrics")]
    crate::observe::describe();
    let plugins = Plugins::new(builder.plugins.clone(), builder.plugin_timeout);
    let hand = test.hand.unwrap_or_else(|| Box::new(Once));
    let dispatcher = Dispatcher::new(Arc::clone(&shared), builder.dead_letter_capacity, hand);
    let dispatcher = Arc::new(dispatcher);
    // Events that are implemented by hand are known only from their handlers.
    let by_hand = wired.handlers.iter().flat_map(|handler| handler.routes.iter());
    let by_hand = by_hand.filter_map(|route| route.event?.decoder());
    let own = [Decoder::of::<OperationPerformed>(), Decoder::of::<DeliveryDied>()];
    let codec = Codec::new(providers.catalogue.events().chain(by_hand).chain(own));
    let shards = builder.store.as_ref().map_or(1, |store| store.profile().shards);
    let codec = Arc::new(codec.with_shards(shards));
    let publishing = PublishOptions {
        middlewares: builder.publish_middlewares.clone(),
        payload_limit: builder.payload_limit,
        cascade_limit: builder.cascade_limit,
        unhandled: Arc::clone(&wired.unhandled),
        starts_by_itself: builder.starts_by_itself && !plugins.need_start(),
    };
    let hub = Arc::new(EventHub::new(Arc::clone(&dispatcher), Arc::clone(&codec), publishing));
    let mut routes = wired.handlers.iter().flat_map(|handler| handler.routes.iter());
    let death = TypeId::of::<DeliveryDied>();
    if routes.any(|route| route.event.is_some_and(|event| (event.message)().id() == death)) {
        shared.deaths.publish_to(Arc::downgrade(&hub) as Weak<dyn Publishes>);
    }
    let command_executors = Arc::new(Executors::new(Arc::clone(&shared)));
    let query_executors = Arc::new(Executors::new(Arc::clone(&shared)));
    let events = EventBus::new(&hub);
    let commands = CommandBus::new(&command_executors);
    let queries = QueryBus::new(&query_executors);

    let services = providers.construct(&events, &commands, &queries).await;
    let services = services.map_err(|problem| BuildError(vec![problem]))?;
    shared.middlewares.build(&services);
    builder.publish_middlewares.build(&services);
    let store = builder.store.as_ref();
    let transactions = store.and_then(|store| StoreTransactions::of(store, &codec));
    let (mut lanes, mut durable) = (Vec::new(), Vec::new());
    let (mut for_commands, mut for_queries) = (FxHashMap::default(), FxHashMap::default());
    for registration in &wired.handlers {
        let handler = registration.construct(&services);
        let options = registration.options.effective();
        let transactions = transactions.as_ref().filter(|_| registration.transaction().is_some());
        let Some(ExecutionRoute { message, erase, retry: when, .. }) = registration.execution
        else {
            let is_durable = builder.store.is_some() && !options.is_transient;
            let unrouted = lane(registration, &handler, transactions, &shared, is_durable);
            if is_durable {
                let Unrouted { lane, events, .. } = &unrouted;
                durable.push(Durable::new(lane, events, options.start));
            }
            lanes.push(unrouted);
            continue;
        };
        let name = registration.name.as_ref().into();
        let timeout = options.timeout;
        let execution = Execution::new(
            erase(
                handler,
                Means { transactions, retry: options.retry, when: when.unwrap_or_default() },
            ),
            name,
            message.name,
            timeout,
            transactions.is_some(),
            Arc::clone(&shared),
        );
        let executions = match message.kind {
            MessageKind::Query => &mut for_queries,
            _ => &mut for_commands,
        };
        executions.insert((message.message)().id(), execution);
    }
    if let Some(store) = builder.store.as_ref() {
        let codec = Arc::clone(&codec);
        let waiters = dispatcher.settled();
        let capacity = builder.queue_capacity;
        let store = Arc::clone(store);
        let publisher = Arc::downgrade(&hub) as _;
        let engine = Engine::new(store, codec, &lifecycle, durable, capacity, waiters, publisher);
        dispatcher.connect_log(Arc::new(engine));
    }
    dispatcher.connect(Routes::new(lanes, builder.queue_capacity, &dispatcher));
    command_executors.connect(for_commands);
    query_executors.connect(for_queries);
    Ok(App(Arc::new(Running {
        lifecycle,
        services,
        wired,
        hub,
        operations: Operations::new(&dispatcher, &codec, &events),
        command_executors,
        query_executors,
        events,
        commands,
        queries,
        plugins,
        report: std::sync::Mutex::default(),
    })))
}

fn lane(
    registration: &HandlerRegistration,
    handler: &AnyHandler,
    transactions: Option<&Arc<dyn Transactions>>,
    shared: &Arc<Shared>,
    is_durable: bool,
) -> Unrouted {
    let erased = registration.routes.iter().map(|route| {
        let event = route.event.map(|event| (event.message)().id());
        let erased = route.erased(Arc::clone(handler));
        (event, erased.expect("the wiring proved that the events of a trait are known"))
    });
    let (events, handlers) = erased.unzip();
    let lane = Lane::new(
        &registration.name,
        (registration.handler)(),
        registration.options.effective(),
        registration.batch,
        handlers,
        transactions.cloned(),
        Arc::clone(shared),
    );
    Unrouted { lane: Arc::new(lane), events, is_durable }
}
