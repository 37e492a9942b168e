//! Handlers that note what they have handled.

use std::time::Duration;

use cqrs_core::prelude::*;
use jiff::Timestamp;

use crate::database::Pool;
use crate::messages::{Advanced, By, Followed};
use crate::points::reach;

/// What the handlers do badly.
#[derive(Clone, Copy)]
pub(crate) struct Mood {
    /// Fails at random, and for some counters for seconds.
    pub(crate) is_bad: bool,
}

impl Mood {
    /// Fails in some attempts.
    fn may_fail(self) -> HandlerResult {
        if self.is_bad && fastrand::u8(..100) < 5 {
            return Err(HandlerError::msg("an attempt that fails at random"));
        }
        Ok(())
    }

    /// Whether the events of a counter fail at the moment. They do for long enough to be parked.
    fn fails_now(self, counter: i64) -> bool {
        self.is_bad && (Timestamp::now().as_millisecond() / 1500 + counter) % 4 == 0
    }
}

/// Longer attempts are more often in progress when the process is killed.
async fn work() {
    if fastrand::u8(..4) == 0 {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..5))).await;
    }
}

/// At least once.
#[events_handler(Advanced, name = "note")]
struct Note {
    pool: Pool,
}

impl EventHandler<Advanced> for Note {
    async fn handle(&self, event: &Advanced, _: &Context) -> HandlerResult {
        work().await;
        self.pool.note("note", event.counter, event.number, 0).await?;
        reach("after a plain handler's effect");
        Ok(())
    }
}

/// What it publishes is published once.
#[events_handler(Advanced, name = "follow", retry(attempts = 100, backoff = "5ms", max = "50ms"))]
struct Follow {
    events: EventBus,
    mood: Mood,
}

impl EventHandler<Advanced> for Follow {
    async fn handle(&self, event: &Advanced, ctx: &Context) -> HandlerResult {
        let Advanced { counter, number, .. } = *event;
        self.events.publish(ctx, Followed { counter, number, by: By::Plain }).await?;
        work().await;
        self.mood.may_fail()?;
        reach("after a plain handler's effect");
        Ok(())
    }
}

/// Fails often, for some events for good.
#[events_handler(Advanced, name = "flaky", retry(attempts = 100, backoff = "5ms", max = "200ms"))]
struct Flaky {
    pool: Pool,
    mood: Mood,
}

impl EventHandler<Advanced> for Flaky {
    async fn handle(&self, event: &Advanced, _: &Context) -> HandlerResult {
        if event.is_hopeless() {
            return Err(HandlerError::msg("an event that fails for good").permanent());
        }
        if self.mood.fails_now(event.counter) {
            return Err(HandlerError::msg("this counter fails for a while"));
        }
        self.mood.may_fail()?;
        self.pool.note("flaky", event.counter, event.number, 0).await?;
        Ok(())
    }
}

/// The events that handlers have published are handled as any other.
#[events_handler(Followed, name = "note-followed")]
struct NoteFollowed {
    pool: Pool,
}

impl EventHandler<Followed> for NoteFollowed {
    async fn handle(&self, event: &Followed, _: &Context) -> HandlerResult {
        self.pool.note("note-followed", event.counter, event.number, event.by as i64).await?;
        Ok(())
    }
}

/// The handlers that write in transactions of one database, and a publisher that does.
macro_rules! transactional {
    ($database:ident, $pool:ty, $transaction:ty, $begin:literal) => {
        pub(crate) mod $database {
            use cqrs_core::prelude::*;
            use cqrs_sql::SqlStore;

            use super::{Mood, work};
            use crate::database::{INSERT_NOTE, INSERT_ORDER};
            use crate::messages::{Advanced, By, Followed, PlaceOrder, Way, context};
            use crate::points::reach;

            async fn note(
                tx: &mut $transaction,
                handler: &str,
                counter: i64,
                event: i64,
                source: i64,
            ) -> sqlx::Result<()> {
                let query = sqlx::query(INSERT_NOTE).bind(handler).bind(counter).bind(event);
                query.bind(source).execute(&mut **tx).await?;
                reach("after a transactional handler's effect");
                Ok(())
            }

            /// Exactly once, with what it publishes.
            #[events_handler(
                Advanced,
                transactional,
                name = "count",
                retry(attempts = 100, backoff = "5ms", max = "50ms")
            )]
            struct Count {
                events: EventBus,
                mood: Mood,
            }

            impl TransactionalEventHandler<Advanced> for Count {
                type Transaction = $transaction;

                async fn handle(
                    &self,
                    event: &Advanced,
                    tx: &mut $transaction,
                    ctx: &Context,
                ) -> HandlerResult {
                    let Advanced { counter, number, .. } = *event;
                    note(tx, "count", counter, number, 0).await?;
                    self.events
                        .publish(ctx, Followed { counter, number, by: By::Transactional })
                        .await?;
                    work().await;
                    self.mood.may_fail()
                }
            }

            /// Exactly once, many in one transaction.
            #[events_handler(
                Advanced,
                transactional,
                batch(max = 20),
                name = "count-batches",
                retry(attempts = 100, backoff = "5ms", max = "50ms")
            )]
            struct CountBatches {
                mood: Mood,
            }

            impl TransactionalBatchEventHandler<Advanced> for CountBatches {
                type Transaction = $transaction;

                async fn handle_batch(
                    &self,
                    batch: &Batch<Advanced>,
                    tx: &mut $transaction,
                    _: &Context,
                ) -> HandlerResult {
                    for item in batch {
                        note(tx, "count-batches", item.counter, item.number, 0).await?;
                        if let Err(error) = self.mood.may_fail() {
                            item.fail(error);
                        }
                    }
                    Ok(())
                }
            }

            /// Exactly once, of events that handlers have published.
            #[events_handler(
                Followed,
                transactional,
                name = "count-followed",
                retry(attempts = 100, backoff = "5ms", max = "50ms")
            )]
            struct CountFollowed {
                mood: Mood,
            }

            impl TransactionalEventHandler<Followed> for CountFollowed {
                type Transaction = $transaction;

                async fn handle(
                    &self,
                    event: &Followed,
                    tx: &mut $transaction,
                    _: &Context,
                ) -> HandlerResult {
                    note(tx, "count-followed", event.counter, event.number, event.by as i64)
                        .await?;
                    self.mood.may_fail()
                }
            }

            /// An order and its event, in a transaction of the framework.
            #[command_handler(PlaceOrder, transactional)]
            struct PlaceOrderHandler {
                events: EventBus,
                mood: Mood,
            }

            impl TransactionalCommandHandler<PlaceOrder> for PlaceOrderHandler {
                type Transaction = $transaction;

                async fn execute(
                    &self,
                    command: PlaceOrder,
                    tx: &mut $transaction,
                    ctx: &Context,
                ) -> Result<(), HandlerError> {
                    let PlaceOrder { counter, number } = command;
                    let query = sqlx::query(INSERT_ORDER).bind(counter).bind(number);
                    query.execute(&mut **tx).await?;
                    self.events
                        .publish(ctx, Advanced { counter, number, way: Way::WithOrder })
                        .await?;
                    self.mood.may_fail()
                }
            }

            /// An order and its event, in a transaction of the user: commits it, or rolls it back.
            pub(crate) async fn publish_in(
                pool: &$pool,
                store: &SqlStore,
                events: &EventBus,
                event: Advanced,
            ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                let mut tx = pool.begin_with($begin).await?;
                let query = sqlx::query(INSERT_ORDER).bind(event.counter).bind(event.number);
                query.execute(&mut *tx).await?;
                let (ctx, is_rolled_back) = (context(event.counter), event.way == Way::RolledBack);
                // As `PublishIn::publish_in`, for a store inside another one.
                let staged = events.stage(&ctx, event)?;
                store.publish_in(&mut tx, &[staged.event]).await?;
                work().await;
                if is_rolled_back {
                    tx.rollback().await?;
                } else {
                    reach("before a commit of the user");
                    tx.commit().await?;
                    reach("after a commit of the user");
                }
                Ok(())
            }
        }
    };
}

transactional!(sqlite, sqlx::SqlitePool, cqrs_sql::SqliteTransaction, "BEGIN IMMEDIATE");
transactional!(postgres, sqlx::PgPool, cqrs_sql::PostgresTransaction, "BEGIN");
