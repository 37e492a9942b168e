//! An application whose command has no handler, for the tests of what `check` says about it.

use std::process::ExitCode;

use cqrs_core::cli;
use cqrs_core::prelude::*;

/// Nobody closes the books.
#[derive(Command)]
pub struct CloseBooks;

fn main() -> ExitCode {
    cli::run(App::builder)
}
