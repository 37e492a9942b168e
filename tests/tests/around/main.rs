//! What people expect around the buses.

mod activity_events;
mod authorization;
mod calls;
mod contexts;
mod middleware;
mod plugins;
mod publishing;
mod repeated_transactions;
mod test_kit;
mod unhandled;
