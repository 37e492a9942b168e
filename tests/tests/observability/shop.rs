//! A command, its event, two handlers, a second event and its handler.

use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::{TestApp, TestAppBuilder};

/// What must be seen nowhere.
pub(crate) const EMAIL: &str = "ada.lovelace@example.com";

#[derive(Command)]
#[command(output = Uuid)]
pub(crate) struct PlaceOrder;

#[command_handler(PlaceOrder)]
struct PlaceOrderHandler {
    events: EventBus,
}

impl CommandHandler<PlaceOrder> for PlaceOrderHandler {
    async fn execute(&self, _: PlaceOrder, ctx: &Context) -> Result<Uuid, HandlerError> {
        let order_id = Uuid::now_v7();
        self.events.publish(ctx, OrderPlaced { order_id, email: EMAIL.to_owned() }).await?;
        Ok(order_id)
    }
}

#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) struct OrderPlaced {
    #[event(entity_id)]
    pub(crate) order_id: Uuid,
    #[event(redact)]
    pub(crate) email: String,
}

/// Fails at first, and quotes what it must not quote.
#[events_handler(OrderPlaced, retry(attempts = 2, backoff = "1s"))]
struct ConfirmOrder;

impl EventHandler<OrderPlaced> for ConfirmOrder {
    async fn handle(&self, event: &OrderPlaced, ctx: &Context) -> HandlerResult {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match ctx.attempt() {
            1 => Err(HandlerError::msg(format!("no mailbox {}", event.email))),
            _ => Ok(()),
        }
    }
}

#[events_handler(OrderPlaced)]
struct PlanDelivery {
    events: EventBus,
}

impl EventHandler<OrderPlaced> for PlanDelivery {
    async fn handle(&self, event: &OrderPlaced, ctx: &Context) -> HandlerResult {
        self.events.publish(ctx, DeliveryPlanned { order_id: event.order_id }).await?;
        Ok(())
    }
}

#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) struct DeliveryPlanned {
    #[event(entity_id)]
    order_id: Uuid,
}

#[events_handler(DeliveryPlanned)]
struct NotifyDriver;

impl EventHandler<DeliveryPlanned> for NotifyDriver {
    async fn handle(&self, _: &DeliveryPlanned, _: &Context) -> HandlerResult {
        Ok(())
    }
}

/// Goes wrong in the way that it is told.
#[derive(Serialize, Deserialize, Event)]
pub(crate) struct Stumbled {
    #[event(redact)]
    pub(crate) how: String,
}

#[events_handler(Stumbled, retry = none, timeout = "1s", concurrency = 1)]
struct Stumble;

impl EventHandler<Stumbled> for Stumble {
    async fn handle(&self, event: &Stumbled, _: &Context) -> HandlerResult {
        match event.how.as_str() {
            "panicking" => panic!("it was {}", event.how),
            "sleeping" => std::future::pending().await,
            how => Err(HandlerError::msg(format!("it was {how}"))),
        }
    }
}

/// Takes as long as it may.
#[derive(Command)]
pub(crate) struct Dawdle;

#[command_handler(Dawdle)]
struct Dawdler;

impl CommandHandler<Dawdle> for Dawdler {
    async fn execute(&self, _: Dawdle, _: &Context) -> HandlerResult {
        std::future::pending().await
    }
}

/// Refused always.
#[derive(Query)]
#[query(output = ())]
pub(crate) struct AskNobody;

#[query_handler(AskNobody)]
struct NobodyAnswers;

impl QueryHandler<AskNobody> for NobodyAnswers {
    async fn execute(&self, _: AskNobody, _: &Context) -> Result<(), HandlerError> {
        Err(HandlerError::msg("nobody is there"))
    }
}

pub(crate) fn shop() -> TestAppBuilder {
    TestApp::builder().configure(|app| app.only(modules![self]))
}

pub(crate) fn acme() -> Context {
    Context::for_tenant("acme").expect("valid")
}
