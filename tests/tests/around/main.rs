//! What people expect around the buses.

mod activity_events;
mod authorization;
mod contexts;
mod middleware;
mod plugins;
mod test_kit;
mod unhandled;
