//! A small application with one of everything.

use std::convert::identity;

use cqrs_core::middleware::{Log, Timeout};
use cqrs_core::prelude::*;
use cqrs_core::{AppBuilder, Handler, HandlerOptions, Plugin, RetryPolicy, modules};

pub(crate) fn app() -> AppBuilder {
    let index = |_: Published<orders::OrderPlaced>, _: Context| async { Ok(()) };
    App::builder()
        .only(modules![orders, mail, audit])
        .plugin(Metrics)
        .middleware(Log)
        .middleware(Timeout::after(Duration::from_secs(5)))
        .provide::<Arc<dyn mail::Mailer>>(Arc::new(mail::Smtp { _password: "s3cret".to_owned() }))
        .provide_named("sender", "shop@shop.example".to_owned())
        .register(
            Handler::event_fn("index-orders", index)
                .options(HandlerOptions::DEFAULT.retry(RetryPolicy::none()).timeout(None)),
        )
        .register(Handler::events("count-legacy", audit::CountLegacy).on::<audit::Legacy>())
}

struct Metrics;

impl Plugin for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }
}

pub(crate) mod orders {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "order.placed", entity = "Order", action = "placed")]
    #[event(version = 2, upcast(1 = identity))]
    pub(crate) struct OrderPlaced {
        #[event(entity_id)]
        pub(crate) order_id: u64,
    }

    /// No handler names it.
    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "order.archived")]
    pub(crate) struct OrderArchived;

    #[derive(Command)]
    #[command(output = u64)]
    pub(crate) struct PlaceOrder;

    #[command_handler(PlaceOrder, timeout = "5s")]
    struct PlaceOrderHandler {
        _orders: Arc<dyn Orders>,
        events: EventBus,
    }

    impl CommandHandler<PlaceOrder> for PlaceOrderHandler {
        async fn execute(&self, _: PlaceOrder, ctx: &Context) -> Result<u64, HandlerError> {
            self.events.publish(ctx, OrderPlaced { order_id: 1 }).await?;
            Ok(1)
        }
    }

    #[derive(Query)]
    #[query(output = Option<u64>, error = std::fmt::Error)]
    pub(crate) struct FindOrder;

    #[query_handler(FindOrder)]
    struct FindOrderHandler {
        _orders: Arc<dyn Orders>,
    }

    impl QueryHandler<FindOrder> for FindOrderHandler {
        async fn execute(&self, _: FindOrder, _: &Context) -> Result<Option<u64>, std::fmt::Error> {
            Ok(None)
        }
    }

    pub(crate) trait Orders: Send + Sync {}

    #[derive(Injectable)]
    #[injectable(as = dyn Orders)]
    pub(crate) struct OrdersInMemory {
        _queries: QueryBus,
    }

    impl Orders for OrdersInMemory {}
}

pub(crate) mod mail {
    use super::*;

    pub(crate) trait Mailer: Send + Sync {}

    pub(crate) struct Smtp {
        pub(crate) _password: String,
    }

    impl Mailer for Smtp {}

    #[events_handler(
        super::orders::OrderPlaced,
        retry(attempts = 3, backoff = "50ms", max = "2m"),
        timeout = "90s",
        rate = "5/m",
        breaker(failures = 3, cooldown = "1m"),
        concurrency = 2
    )]
    pub(crate) struct ThankCustomer {
        _mailer: Arc<dyn Mailer>,
        #[inject(name = "sender")]
        _sender: String,
    }

    impl EventHandler<super::orders::OrderPlaced> for ThankCustomer {
        async fn handle(&self, _: &super::orders::OrderPlaced, _: &Context) -> HandlerResult {
            Ok(())
        }
    }
}

pub(crate) mod audit {
    use super::*;

    #[events_handler(*, retry = none)]
    pub(crate) struct Trace;

    impl EventHandler<AnyEvent> for Trace {
        async fn handle(&self, _: &AnyEvent, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    /// An event without a derive: only its handler tells of it.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Legacy;

    impl Event for Legacy {
        const NAME: &'static str = "legacy.happened";
    }

    pub(crate) struct CountLegacy;

    impl EventHandler<Legacy> for CountLegacy {
        async fn handle(&self, _: &Legacy, _: &Context) -> HandlerResult {
            Ok(())
        }
    }
}
