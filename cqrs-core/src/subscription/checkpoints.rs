//! Saves how far the subscriptions have come.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::subscriber::Subscriber;

/// How often progress is saved. After a crash, about as much is handled again.
const EVERY: Duration = Duration::from_millis(100);

/// How often, counted in saves, the checkpoints of shards without events move with the others.
const IDLE_SHARDS: u32 = 50;

/// Saves until a shutdown begins; the last save is that of [`Engine::finish`](super::Engine::finish).
pub(super) async fn run(shared: Arc<Shared>, subscribers: Vec<Arc<Subscriber>>) {
    let mut saves = 0_u32;
    while shared.unless_stopped(tokio::time::sleep(EVERY)).await {
        saves = saves.wrapping_add(1);
        if saves % IDLE_SHARDS == 0 {
            for subscriber in &subscribers {
                subscriber.pass();
            }
        }
        save(&shared, &subscribers).await;
    }
}

/// Saves all that has changed, in one call.
pub(super) async fn save(shared: &Shared, subscribers: &[Arc<Subscriber>]) {
    let slices = subscribers.iter().flat_map(|subscriber| subscriber.slices());
    let (changes, slices): (Vec<_>, Vec<_>) =
        slices.filter_map(|slice| Some((slice.unsaved()?, slice))).unzip();
    if changes.is_empty() {
        return;
    }
    match shared.store.save(&changes).await {
        Ok(lost) => {
            for slice in slices {
                if lost.contains(&slice.lease) {
                    tracing::warn!(
                        shard = slice.lease.shard,
                        "another node has taken over this shard"
                    );
                    subscribers.iter().for_each(|subscriber| subscriber.remove(slice.lease));
                } else {
                    slice.saved();
                }
            }
        }
        Err(error) => tracing::warn!(%error, "progress cannot be saved; trying again"),
    }
}
