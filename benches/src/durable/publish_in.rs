//! A transaction of the user that publishes an event, against one that inserts a row more.

use cqrs_core::prelude::*;
use cqrs_sql::PublishIn as _;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::floor::{Floor, on_both};
use crate::paired::compare;
use crate::sample::{OrderPlaced, context};
use crate::subject;

pub(crate) fn run(runtime: &Runtime, kind: Kind) -> Result {
    let database = runtime.block_on(Database::create(kind))?;
    let (app, _) = runtime.block_on(subject::start(&database))?;
    let users = runtime.block_on(database.users_tables())?;
    let ctx = context(0);
    let operations = 50;
    for (name, inserts) in [
        ("insert and publish_in: one insert", 1),
        ("insert and publish_in: two inserts (at most 1x)", 2),
    ] {
        compare(
            name,
            operations,
            || {
                runtime.block_on(async {
                    for _ in 0..operations {
                        users.orders(inserts).await.expect("inserted");
                    }
                });
            },
            || {
                runtime.block_on(async {
                    for order in 0..operations {
                        order_and_event(&users, &app, &ctx, order).await.expect("committed");
                    }
                });
            },
        );
    }
    runtime.block_on(async {
        subject::stop(app).await;
        users.close().await;
        database.drop().await
    })
}

/// A row and an event in one transaction.
pub(crate) async fn order_and_event(users: &Floor, app: &App, ctx: &Context, order: u32) -> Result {
    on_both!(users, pool, Db, begin => {
        let mut tx = pool.begin_with(begin).await?;
        let insert = "INSERT INTO plain_order (note) VALUES ($1)";
        sqlx::query::<Db>(insert).bind("two chairs and a table").execute(&mut *tx).await?;
        app.events().publish_in(&mut tx, ctx, OrderPlaced::new(order)).await?;
        tx.commit().await?;
        Ok(())
    })
}
