//! What a store must do: each test is a promise of the contract in `cqrs_core::log`, and runs for every store.
//!
//! A store has a file with its [`Harness`](harness::Harness) and `suite!(TheHarness);`. If users can write in its
//! transactions, the file says `suite_of_units!(TheHarness);` too.

#[macro_use]
mod harness; // what a store needs to be tested, and the list of the tests
mod support; // events, nodes and changes
mod faulty; // a store that fails when a test says so
mod applications; // applications with a store, and their handlers
mod logs; // what applications log
mod server; // a Postgres server that a test stops and starts

mod append;
mod application;
mod detours;
mod done_rows;
mod handlers;
mod health;
mod blocking;
mod idempotency;
mod leases;
mod lost_logs;
mod news;
mod nodes;
mod operations;
mod operations_on_nodes;
mod outages;
mod parked;
mod payloads;
mod policies;
mod progress;
mod scheduled;
mod starting_and_stopping;
mod subscriptions;
mod units;
mod versions;
mod wrong_handlers;

mod kills;
mod memory;
mod sql;
mod clocks;
mod conflicts;
mod open_transactions;
mod scheduled_in_transactions;
mod pooled;
mod server_outages;
mod sqlite_files;
