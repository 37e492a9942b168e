//! This framework.

use super::{Measured, publish_all};
use crate::Result;
use crate::database::{Database, Kind};
use crate::sample::{OrderPlaced, context};
use crate::subject;

const EVENTS: usize = 100_000;

pub(super) async fn measure(kind: Kind) -> Result<Measured> {
    let database = Database::create(kind).await?;
    let (app, handled) = subject::start(&database).await?;
    let events = app.events().clone();
    let publish = move |order: usize| {
        let events = events.clone();
        async move {
            let placed = OrderPlaced::new(u32::try_from(order)?);
            events.publish(&context(order % 100), placed).await?;
            Ok(())
        }
    };
    let measured = publish_all(EVENTS, &handled, publish).await?;
    subject::stop(app).await;
    database.drop().await?;
    Ok(measured)
}
