//! The command is recognized by its JSON.

use cqrs_core::prelude::*;

#[derive(Command)]
#[command(idempotent)]
struct CreateEmployee;

fn main() {}
