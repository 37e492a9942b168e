//! Another order for each seed, to prove that nobody depends on one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Decides what is left open by the guarantees: the order of handlers, which entity comes next, and
/// how far one task gets before another.
#[derive(Debug)]
pub(crate) struct Interleaving(Mutex<fastrand::Rng>);

impl Interleaving {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Which of `count` comes first.
    pub(super) fn pick(&self, count: usize) -> usize {
        if count > 1 { self.with(|rng| rng.usize(..count)) } else { 0 }
    }

    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        self.with(|rng| rng.shuffle(items));
    }

    pub(super) fn jitter(&self, longest: Duration) -> Duration {
        self.with(|rng| longest.mul_f64(rng.f64()))
    }

    /// Lets other tasks go first, or not. Cancel safe.
    pub(super) async fn step_back(&self) {
        for _ in 0..self.with(|rng| rng.u8(..4)) {
            tokio::task::yield_now().await;
        }
    }

    fn with<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
