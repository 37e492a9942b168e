//! Each right use of an annotation compiles, without a warning.

mod commands_and_queries;
mod events;
mod events_handlers;
mod hygiene;
mod services;
