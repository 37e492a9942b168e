//! Each right use of an annotation compiles, without a warning.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "what users do not use, or write `pub` by habit, is theirs"
)]

mod attributes;
mod commands_and_queries;
mod elsewhere;
mod events;
mod events_handlers;
mod functions;
mod hygiene;
mod injection;
mod services;
mod traits_of_events;
mod transactions;
