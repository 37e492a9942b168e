//! What people expect around the buses.

mod activity_events;
mod contexts;
mod json;
mod middleware;
mod plugins;
mod test_kit;
mod unhandled;
