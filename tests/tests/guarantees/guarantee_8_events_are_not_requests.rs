//! `publish` returns no handler's value; commands and queries do that.

use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use futures_util::StreamExt;

use crate::support::{Log, acme};

#[derive(Serialize, Deserialize, Event)]
struct OrderPlaced {
    #[event(entity_id)]
    order: u32,
}

#[derive(Command, Clone)]
#[command(output = u32, error = OutOfStock)]
struct PlaceOrder {
    order: u32,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("order {0} is out of stock")]
struct OutOfStock(u32);

#[derive(Query)]
#[query(output = Vec<u32>)]
struct ListOrders;

#[command_handler(PlaceOrder)]
struct PlaceOrderHandler {
    orders: Log<u32>,
    events: EventBus,
}

impl CommandHandler<PlaceOrder> for PlaceOrderHandler {
    async fn execute(&self, command: PlaceOrder, ctx: &Context) -> Result<u32, OutOfStock> {
        if command.order == 13 {
            return Err(OutOfStock(13));
        }
        self.orders.add(command.order);
        let published = self.events.publish(ctx, OrderPlaced { order: command.order }).await;
        published.map_err(|_| OutOfStock(command.order))?;
        Ok(command.order * 100)
    }
}

#[query_handler(ListOrders)]
struct ListOrdersHandler {
    orders: Log<u32>,
}

impl QueryHandler<ListOrders> for ListOrdersHandler {
    async fn execute(&self, _: ListOrders, _: &Context) -> Result<Vec<u32>, HandlerError> {
        Ok(self.orders.entries())
    }
}

#[events_handler(OrderPlaced, timeout = none)]
struct NeverReturns;

impl EventHandler<OrderPlaced> for NeverReturns {
    async fn handle(&self, _: &OrderPlaced, _: &Context) -> HandlerResult {
        std::future::pending().await
    }
}

fn app() -> TestApp {
    // Room for all that these tests publish, since one handler never returns.
    TestApp::from_builder(App::builder().only(modules![self]).queue_capacity(5000))
        .provide(Log::<u32>::default())
        .build()
        .expect("wired")
}

#[tokio::test(start_paused = true)]
async fn publish_returns_the_events_id_before_any_handler_is_done() {
    let app = app();
    let began = tokio::time::Instant::now();
    let id: Uuid = app.publish(&acme(), OrderPlaced { order: 1 }).await.expect("accepted");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(app.published::<OrderPlaced>()[0].id(), id);
    assert!(app.deliveries_to::<NeverReturns>().is_empty());
}

#[tokio::test(start_paused = true)]
async fn commands_and_queries_are_typed_from_end_to_end() {
    let app = app();
    let total: u32 = app.execute(&acme(), PlaceOrder { order: 7 }).await.expect("in stock");
    assert_eq!(total, 700);
    let refused = app.execute(&acme(), PlaceOrder { order: 13 }).await;
    assert_eq!(refused, Err(ExecuteError::Handler(OutOfStock(13))));
    let orders: Vec<u32> = app.query(&acme(), ListOrders).await.expect("it cannot fail");
    assert_eq!(orders, [7]);
    assert!(app.executed::<ListOrders>()[0].is_ok());
    assert_eq!(
        app.executed::<PlaceOrder>()[1].failure.as_deref(),
        Some("order 13 is out of stock")
    );
}

#[tokio::test(start_paused = true)]
async fn those_who_only_look_on_get_a_stream_that_says_when_it_lagged() {
    let app = app();
    let mut orders = app.events().subscribe::<OrderPlaced>();
    let mut everything = app.events().subscribe_all();
    app.execute(&acme(), PlaceOrder { order: 1 }).await.expect("in stock");
    let seen = orders.recv().await.expect("the app lives").expect("not lagged");
    assert_eq!(seen.order, 1);
    assert_eq!(seen.context().tenant().to_string(), "acme");
    let seen = everything.next().await.expect("the app lives").expect("not lagged");
    assert_eq!(seen.name(), "order.placed");

    let orders_placed = (0..2000).map(|order| OrderPlaced { order });
    app.events().publish_all(&acme(), orders_placed).await.expect("accepted");
    let lagged = orders.next().await.expect("the app lives").expect_err("2,000 behind");
    assert_eq!(lagged.missed, 2000 - 1024);
    let next = orders.next().await.expect("the app lives").expect("the oldest that is kept");
    assert_eq!(next.order, 976);
}
