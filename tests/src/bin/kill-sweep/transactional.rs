//! Handlers that note what they have handled, in transactions.

/// The handlers that write in transactions of one database, and a publisher that does.
macro_rules! transactional {
    ($database:ident, $pool:ty, $transaction:ty, $begin:literal) => {
        pub(crate) mod $database {
            use cqrs_core::prelude::*;
            use cqrs_sql::SqlStore;

            use crate::database::{INSERT_NOTE, INSERT_ORDER};
            use crate::handlers::{Failures, work};
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
                failures: Failures,
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
                    let followed = Followed { counter, number, by: By::Transactional };
                    followed.publish(&self.events, ctx).await?;
                    work().await;
                    self.failures.at_random()
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
                failures: Failures,
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
                        if let Err(error) = self.failures.at_random() {
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
                failures: Failures,
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
                    self.failures.at_random()
                }
            }

            /// An order and its event, in a transaction of the framework.
            #[command_handler(PlaceOrder, transactional)]
            struct PlaceOrderHandler {
                events: EventBus,
                failures: Failures,
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
                    self.failures.at_random()
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
                let staged = events.stage(&ctx, event).await?;
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
