//! What a store must do: each test is a promise of the contract in `cqrs_core::log`, and runs for every store.
//!
//! A store has a file with its [`Harness`](harness::Harness) and `suite!(TheHarness);`. If users can write in its
//! transactions, the file says `suite_of_units!(TheHarness);` too.

#[macro_use]
mod harness;
mod support;

mod append;
mod application;
mod done_rows;
mod faults;
mod faulty;
mod handlers;
mod leases;
mod news;
mod parked;
mod payloads;
mod progress;
mod subscriptions;
mod units;

mod kills;
mod memory;
mod sql;
