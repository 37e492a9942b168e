//! What the activity log promises, on SQLite and on Postgres.

mod database;

mod chain;
mod concurrency;
mod events;
mod failures;
mod forge;
mod guards;
mod inserted;
mod kills;
mod live;
mod locks;
mod mounting;
mod opening;
mod outage;
mod paging;
mod properties;
mod reading;
mod recording;
mod retention;
mod roles;
mod site;
mod tenants;
mod web;
mod wiring;

/// Waits until the clock shows a later microsecond, the unit in which entries are stored, and returns it.
async fn after_now() -> jiff::Timestamp {
    let before = jiff::Timestamp::now().as_microsecond();
    loop {
        let now = jiff::Timestamp::now();
        if now.as_microsecond() > before {
            return now;
        }
        tokio::task::yield_now().await;
    }
}
