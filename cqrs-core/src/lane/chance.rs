//! What the guarantees leave open.

/// Decides what the guarantees leave open: the order of handlers and of order keys, back-off, and how far
/// one task gets before another. Without one, the first item is taken and back-off is random.
pub(crate) trait Chance: Send + Sync {
    /// Which one of `count` comes first.
    fn pick(&self, count: usize) -> usize;

    /// A fraction from 0 to 1.
    fn fraction(&self) -> f64;
}

/// Lets other tasks go first, up to three times. Cancel safe.
pub(super) async fn step_back(chance: Option<&dyn Chance>) {
    if let Some(chance) = chance {
        for _ in 0..chance.pick(4) {
            tokio::task::yield_now().await;
        }
    }
}
