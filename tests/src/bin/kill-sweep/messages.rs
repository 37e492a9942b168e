//! What is published.

use cqrs_core::prelude::*;
use jiff::{SignedDuration, Timestamp};

/// An event of a counter. Each counter has one publisher, which gives its numbers in rising order.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "counter.advanced", entity = "Counter", action = "advanced")]
pub(crate) struct Advanced {
    #[event(entity_id)]
    pub(crate) counter: i64,
    pub(crate) number: i64,
    pub(crate) way: Way,
}

impl Advanced {
    /// Whether the handler `flaky` fails for it in each attempt.
    pub(crate) fn always_fails(&self) -> bool {
        self.number % 25 == 7
    }
}

/// How an event is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// By `publish`.
    Alone,
    /// By `publish_all`, with others: so many, whose numbers follow the first one.
    Together { first: i64, size: i64 },
    /// In a transaction that inserts an order.
    WithOrder,
    /// In a transaction that is rolled back.
    RolledBack,
    /// By `publish_at`.
    Later,
}

/// A handler has handled an [`Advanced`], and published this.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "counter.followed", entity = "Counter", action = "followed")]
pub(crate) struct Followed {
    #[event(entity_id)]
    pub(crate) counter: i64,
    pub(crate) number: i64,
    pub(crate) by: By,
}

/// Which handler has published it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum By {
    Plain = 1,
    Transactional = 2,
}

impl Followed {
    /// Publishes it, every second one by `publish_at`.
    pub(crate) async fn publish(self, events: &EventBus, ctx: &Context) -> HandlerResult {
        if self.number % 2 == 0 {
            events.publish_at(ctx, soon(), self).await?;
        } else {
            events.publish(ctx, self).await?;
        }
        Ok(())
    }
}

/// A time before which this process may be killed.
pub(crate) fn soon() -> Timestamp {
    Timestamp::now() + SignedDuration::from_millis(fastrand::i64(0..200))
}

/// Inserts an order and publishes an event, in one transaction of the framework.
#[derive(Debug, Command)]
pub(crate) struct PlaceOrder {
    pub(crate) counter: i64,
    pub(crate) number: i64,
}

/// Counters are of different tenants, so that they are spread over the shards.
pub(crate) fn context(counter: i64) -> Context {
    Context::for_tenant(format!("tenant-{counter}")).expect("a tenant's name")
}
