use cqrs_core::prelude::*;

#[derive(Command)]
#[command(output = std::rc::Rc<str>)]
struct CreateEmployee;

fn main() {}
