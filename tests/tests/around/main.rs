//! What people expect around the buses.

mod middleware;
mod plugins;
