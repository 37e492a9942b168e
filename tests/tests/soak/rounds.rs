//! How often a test is repeated, and with which seeds.

use std::time::{Duration, Instant};

/// Runs `round` with one seed after another, for as long as the environment asks for, at least once.
pub(crate) fn repeat(round: impl Fn(u64)) {
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| {
            text.parse::<u64>().unwrap_or_else(|error| panic!("{name} is `{text}`: {error}"))
        })
    };
    if let Some(seed) = number("CQRS_SOAK_SEED") {
        round(seed);
        return;
    }
    let long = Duration::from_secs(number("CQRS_SOAK_SECONDS").unwrap_or(0));
    let began = Instant::now();
    loop {
        let seed = fastrand::u64(..);
        println!("CQRS_SOAK_SEED={seed}");
        round(seed);
        if began.elapsed() >= long {
            return;
        }
    }
}
