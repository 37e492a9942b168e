//! What the activity log promises, on SQLite and on Postgres.

mod database;

mod chain;
mod concurrency;
mod events;
mod forge;
mod guards;
mod inserted;
mod kills;
mod opening;
mod outage;
mod paging;
mod properties;
mod reading;
mod recording;
mod retention;
mod site;
mod tenants;
mod web;
