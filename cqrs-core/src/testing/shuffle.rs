//! A different order for each seed, to find code that depends on an order that is not guaranteed.

use std::sync::{Mutex, PoisonError};

use super::TestApp;
use crate::lane::Chance;

/// The environment's seed, else `wanted`, else a random one.
///
/// # Panics
///
/// When the environment's seed is no number: it would be ignored otherwise.
pub(super) fn choose_seed(wanted: Option<u64>) -> u64 {
    let variable = TestApp::SEED_VARIABLE;
    match std::env::var(variable) {
        Ok(seed) => seed.trim().parse().unwrap_or_else(|error| {
            panic!("{variable} is `{seed}`, but a seed is a number below 2^64: {error}")
        }),
        Err(_) => wanted.unwrap_or_else(|| fastrand::u64(..)),
    }
}

/// Decides by a seed.
pub(super) struct Shuffle(Mutex<fastrand::Rng>);

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Chance for Shuffle {
    fn pick(&self, count: usize) -> usize {
        if count > 1 { self.with(|rng| rng.usize(..count)) } else { 0 }
    }

    fn fraction(&self) -> f64 {
        self.with(fastrand::Rng::f64)
    }
}
