//! An application whose command has no handler, for the tests of what `check` says about it.

use std::process::ExitCode;

use clap::Parser;
use cqrs_core::cli::WiringCommand;
use cqrs_core::prelude::*;

/// Nobody closes the books.
#[derive(Command)]
pub struct CloseBooks;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    wiring: WiringCommand,
}

fn main() -> ExitCode {
    Cli::parse().wiring.run(App::builder())
}
