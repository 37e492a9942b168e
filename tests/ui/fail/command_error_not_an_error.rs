use cqrs_core::prelude::*;

struct Refused;

#[derive(Command)]
#[command(error = Refused)]
struct CreateEmployee;

fn main() {}
