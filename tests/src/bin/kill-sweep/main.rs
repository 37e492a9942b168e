//! Kills processes that publish and handle events, again and again, and then checks that no event was lost and that
//! nothing happened twice.
//!
//! `cargo run -p cqrs-tests --bin kill-sweep -- sqlite 10000` kills 10,000 processes, prints how far it is on stderr,
//! and prints a table of counts at the end. `postgres` in place of `sqlite` uses the database in `DATABASE_URL`.

mod messages; // what is published
mod database; // where the events, and the notes of the handlers, are
mod line; // what a process tells the one that kills it
mod points; // where a process can end by itself
mod handlers; // what notes that it has handled an event
mod transactional; // the same, in transactions
mod publisher; // what publishes
mod child; // a process that is killed
mod process; // the same, seen from the one that kills it
mod report; // the counts
mod check; // what must be true at the end
mod sweep; // the process that kills the others

use std::process::ExitCode;

use clap::Parser;

use self::database::Kind;

/// Kills processes that publish and handle events, and checks that no event was lost.
#[derive(Parser)]
struct Cli {
    /// The store: `sqlite` or `postgres`.
    store: Kind,
    /// How many processes are killed.
    #[arg(default_value_t = 200)]
    kills: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(plan) = child::Plan::of_this_process() {
        child::run(plan).await;
        return ExitCode::SUCCESS;
    }
    let Cli { store, kills } = Cli::parse();
    if sweep::run(store, kills).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
