use cqrs_core::prelude::*;

#[derive(Injectable)]
struct SystemClock {
    #[injectable(as = dyn Send)]
    zone: Arc<str>,
}

fn main() {}
