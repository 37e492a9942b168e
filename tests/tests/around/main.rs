//! What people expect around the buses.

mod lines; // what is logged

mod activity_events;
mod authorization;
mod calls;
mod contexts;
mod deaths;
mod blocking;
mod idempotency;
mod json;
mod middleware;
mod plugins;
mod policies;
mod providers;
mod retried_commands;
mod settings;
mod publishing;
mod repeated_transactions;
mod streams;
mod test_kit;
mod unhandled;
