//! Large data is in a store, and the message carries a reference.

mod claim_check;
mod directory;
mod other_stores;

use cqrs_core::Context;

fn tenant(id: &str) -> Context {
    Context::for_tenant(id).expect("a valid tenant")
}
