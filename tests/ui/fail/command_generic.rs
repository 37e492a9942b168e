use cqrs_core::prelude::*;

#[derive(Command)]
struct Create<T>(T);

fn main() {}
