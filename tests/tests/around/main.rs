//! What people expect around the buses.

mod activity_events;
mod middleware;
mod plugins;
mod test_kit;
