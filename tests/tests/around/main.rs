//! What people expect around the buses.

mod middleware;
mod plugins;
mod test_kit;
