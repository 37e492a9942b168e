//! The output is stored for a second request, and the command is recognized by its JSON.

use cqrs_core::prelude::*;

struct Employee;

#[derive(Serialize, Command)]
#[command(output = Employee, idempotent)]
struct CreateEmployee {
    full_name: String,
}

fn main() {}
