//! The engine under load: nothing lost, nothing doubled, nothing stuck.
//!
//! Each test runs once, or for as many seconds as `CQRS_SOAK_SECONDS` says. A failure names its seed;
//! `CQRS_SOAK_SEED` runs that one again. The long ones are slow tests: `-- --include-ignored` runs them.

mod chaos;
mod event_graphs;
mod live;
mod rounds;
