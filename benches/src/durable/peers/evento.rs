//! evento: `create` and `commit`, and a subscription that continues where it was.
//!
//! It hands over an event when it is a second old, as is its default, so that none is skipped.

use std::sync::Arc;

use evento::migrator::{Migrate as _, Plan};
use evento::subscription::{Context, SubscriptionBuilder};
use evento::{Executor, metadata::Event};

use super::{Measured, publish_all};
use crate::Result;
use crate::database::{Database, Kind};
use crate::subject::Handled;

const EVENTS: usize = 20_000;

#[evento::aggregate]
pub(crate) enum Order {
    Placed { order: u32, note: String },
}

#[evento::subscription]
async fn count<E: Executor>(ctx: &Context<'_, E>, event: Event<Placed>) -> anyhow::Result<()> {
    std::hint::black_box(event.data.note.len());
    ctx.extract::<Arc<Handled>>().add(1);
    Ok(())
}

pub(super) async fn measure(kind: Kind) -> Result<Measured> {
    let database = Database::create(kind).await?;
    let measured = if kind == Kind::Postgres {
        let pool = database.postgres(10).await?;
        let migrator = evento::sql_migrator::new::<sqlx::Postgres>()?;
        migrator.run(&mut *pool.acquire().await?, &Plan::apply_all()).await?;
        let measured = through(evento::Postgres::from(pool.clone())).await?;
        pool.close().await;
        measured
    } else {
        let pool = database.sqlite("evento.db", 10).await?;
        let migrator = evento::sql_migrator::new::<sqlx::Sqlite>()?;
        migrator.run(&mut *pool.acquire().await?, &Plan::apply_all()).await?;
        let measured = through(evento::Sqlite::from(pool.clone())).await?;
        pool.close().await;
        measured
    };
    database.drop().await?;
    Ok(measured)
}

async fn through<E: Executor + Clone>(executor: E) -> Result<Measured> {
    let handled = Arc::new(Handled::default());
    let subscription = SubscriptionBuilder::new("count")
        .data(Arc::clone(&handled))
        .handler(count())
        .start(&executor)
        .await?;
    let publish = move |order: usize| {
        let executor = executor.clone();
        async move {
            let note = "two chairs and a table".to_owned();
            let placed = Placed { order: u32::try_from(order)?, note };
            evento::create().event(&placed).commit(&executor).await?;
            Ok(())
        }
    };
    let measured = publish_all(EVENTS, &handled, publish).await?;
    subscription.shutdown().await?;
    Ok(measured)
}
