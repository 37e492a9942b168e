//! What people expect around the buses.

mod activity_events;
mod contexts;
mod json;
mod middleware;
mod plugins;
mod policies;
mod retried_commands;
mod settings;
mod test_kit;
mod unhandled;
