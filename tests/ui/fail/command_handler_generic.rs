use cqrs_core::prelude::*;

#[derive(Command)]
struct CreateEmployee;

#[command_handler(CreateEmployee)]
struct Create<T>(T);

fn main() {}
