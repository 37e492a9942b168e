//! Events that cause events, in any graph, also in circles.

use cqrs_core::app::Modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{Handler, HandlerOptions};
use proptest::prelude::*;

const NODES: usize = 5;

/// A visit to one node of the graph.
#[derive(Serialize, Deserialize, Event)]
#[event(name = "graph.visited")]
struct Visited {
    #[event(entity_id)]
    node: usize,
    steps_left: u32,
}

/// How many visits a walk makes that begins at `node` and goes along every edge.
fn visits(edges: &[Vec<usize>], node: usize, steps_left: u32) -> usize {
    let further = |next: &usize| visits(edges, *next, steps_left - 1);
    1 + if steps_left == 0 { 0 } else { edges[node].iter().map(further).sum() }
}

/// Walks the graph with two handlers, of which one does the walking. Says how many visits each saw.
async fn walk(
    edges: Arc<Vec<Vec<usize>>>,
    start: usize,
    steps: u32,
    seed: u64,
    capacity: usize,
) -> (usize, usize) {
    let bus: Arc<std::sync::OnceLock<EventBus>> = Arc::default();
    let events = Arc::clone(&bus);
    let walker = Handler::event_fn("walk", move |visit: Published<Visited>, ctx: Context| {
        let (edges, events) = (Arc::clone(&edges), Arc::clone(&events));
        async move {
            let events = events.get().ok_or_else(|| HandlerError::msg("no bus"))?;
            for &node in edges[visit.node].iter().filter(|_| visit.steps_left > 0) {
                let next = Visited { node, steps_left: visit.steps_left - 1 };
                events.publish(&ctx, next).await?;
            }
            Ok(())
        }
    });
    let watcher = Handler::event_fn("watch", |_: Published<Visited>, _| async { Ok(()) });
    let one = HandlerOptions::DEFAULT.concurrency(1);
    let app =
        TestApp::from_builder(App::builder().only(Modules::default()).queue_capacity(capacity));
    let app = app.register(walker.options(one)).register(watcher).shuffle(seed);
    let app = app.build().expect("wired");
    bus.set(app.events().clone()).expect("set once");
    let ctx = Context::for_tenant("acme").expect("valid");
    app.publish(&ctx, Visited { node: start, steps_left: steps }).await.expect("accepted");
    app.settled().await;
    assert!(app.dead_letters().await.is_empty());
    (app.deliveries_to_named("walk").len(), app.deliveries_to_named("watch").len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cascade_along_any_graph_ends_and_visits_everything_exactly_once(
        edges in prop::collection::vec(prop::collection::vec(0..NODES, 0..4), NODES..=NODES),
        start in 0..NODES,
        steps in 0_u32..5,
        seed: u64,
        capacity in 1_usize..4,
    ) {
        let expected = visits(&edges, start, steps);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        let seen = runtime.block_on(walk(Arc::new(edges), start, steps, seed, capacity));
        prop_assert_eq!(seen, (expected, expected));
    }
}
