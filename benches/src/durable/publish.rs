//! Publishing, against plain inserts.

use cqrs_core::prelude::*;
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;

use crate::Result;
use crate::database::{Database, Kind};
use crate::paired::compare;
use crate::sample::{OrderPlaced, context};
use crate::subject;

const CALLERS: u32 = 64;

/// One caller that awaits each publish.
pub(crate) fn one_caller(runtime: &Runtime, kind: Kind) -> Result {
    let database = runtime.block_on(Database::create(kind))?;
    let row = runtime.block_on(subject::row(&database))?;
    let floor = runtime.block_on(database.floor(1))?;
    let (app, _) = runtime.block_on(subject::start(&database))?;
    let ctx = context(0);
    let operations = 100;
    compare(
        "publish, one caller: single inserts (at most 1.18x)",
        operations,
        || {
            runtime.block_on(async {
                for _ in 0..operations {
                    floor.insert(&row).await.expect("inserted");
                }
            });
        },
        || {
            runtime.block_on(async {
                for order in 0..operations {
                    app.events().publish(&ctx, OrderPlaced::new(order)).await.expect("accepted");
                }
            });
        },
    );
    runtime.block_on(async {
        subject::stop(app).await;
        floor.close().await;
        database.drop().await
    })
}

/// Many callers, each of which awaits each publish.
pub(crate) fn many_callers(runtime: &Runtime, kind: Kind) -> Result {
    let database = runtime.block_on(Database::create(kind))?;
    let row = runtime.block_on(subject::row(&database))?;
    let floor = runtime.block_on(database.floor(8))?;
    let (app, handled) = runtime.block_on(subject::start(&database))?;
    let app = Arc::new(app);
    let operations = CALLERS * 25;
    let publish = || {
        runtime.block_on(async {
            let callers = (0..CALLERS).map(|caller| {
                let app = Arc::clone(&app);
                tokio::spawn(async move {
                    let ctx = context(caller as usize);
                    for order in 0..operations / CALLERS {
                        let placed = OrderPlaced::new(order);
                        app.events().publish(&ctx, placed).await.expect("accepted");
                    }
                })
            });
            try_join_all(callers).await.expect("no panic");
        });
    };
    let batches = || {
        runtime.block_on(async {
            for _ in 0..operations / 100 {
                floor.insert_batch(&row, 100).await.expect("inserted");
            }
        });
    };
    let singles = || {
        runtime.block_on(async {
            let connections = (0..8).map(|_| {
                let (floor, row) = (floor.clone(), row.clone());
                tokio::spawn(async move {
                    for _ in 0..operations / 8 {
                        floor.insert(&row).await.expect("inserted");
                    }
                })
            });
            try_join_all(connections).await.expect("no panic");
        });
    };
    if kind == Kind::Postgres {
        let name = "publish, 64 callers: 8 connections (at most 0.25x)";
        compare(name, operations, singles, publish);
    }
    let name = match kind {
        Kind::Postgres => "publish, 64 callers: batches of 100",
        _ => "publish, 64 callers: batches of 100 (at most 2x)",
    };
    compare(name, operations, batches, publish);
    let _ = handled;
    runtime.block_on(async {
        let app = Arc::into_inner(app).expect("all callers have ended");
        subject::stop(app).await;
        floor.close().await;
        database.drop().await
    })
}
