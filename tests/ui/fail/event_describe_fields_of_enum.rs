use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "paid with {number}")]
enum InvoicePaid {
    Card { number: String },
    Cash,
}

fn main() {}
