//! Saves how far the subscriptions have come.

use std::sync::Arc;
use std::time::Duration;

use super::slice::Slice;
use super::subscriber::{Subscriber, lose};
use super::window::Window;
use super::{Shared, leases};
use crate::log::StoreError;

/// How often progress is saved. After a crash, about as much is handled again.
const EVERY: Duration = Duration::from_millis(100);

/// How often, counted in saves, the checkpoints of shards without events move with the others.
const IDLE_SHARDS: u32 = 50;

/// Saves until a shutdown begins; the last save is that of [`Engine::finish`](super::Engine::finish).
pub(super) async fn run(shared: Arc<Shared>, subscribers: Vec<Arc<Subscriber>>) {
    let mut saves = 0_u32;
    while shared.unless_stopped(tokio::time::sleep(EVERY)).await {
        saves = saves.wrapping_add(1);
        if saves.is_multiple_of(IDLE_SHARDS) {
            for subscriber in &subscribers {
                subscriber.pass();
            }
        }
        let slices = subscribers.iter().flat_map(|subscriber| subscriber.slices()).collect();
        save(&shared, &subscribers, slices).await;
    }
}

/// Saves until nothing of `slices` has changed, or the store fails: one call may only repeat what was offered before.
pub(super) async fn save_all(
    shared: &Shared,
    subscribers: &[Arc<Subscriber>],
    slices: &[Arc<Slice>],
) {
    while save(shared, subscribers, slices.to_vec()).await {}
}

/// Saves what has changed in `slices` until now: the first call may only repeat what was offered before.
pub(super) async fn save_twice(
    shared: &Shared,
    subscribers: &[Arc<Subscriber>],
    slices: &[Arc<Slice>],
) {
    if save(shared, subscribers, slices.to_vec()).await {
        save(shared, subscribers, slices.to_vec()).await;
    }
}

/// Saves what has changed in `slices`, in one call. Returns whether anything was saved.
async fn save(shared: &Shared, subscribers: &[Arc<Subscriber>], slices: Vec<Arc<Slice>>) -> bool {
    // What a slice offers is one call's until it is answered.
    let saving = shared.saving.lock().await;
    // One that was removed meanwhile may be of a log that is lost.
    let slices = slices.into_iter().filter(|slice| slice.is_current());
    let (changes, slices): (Vec<_>, Vec<_>) =
        slices.filter_map(|slice| Some((slice.unsaved()?, slice))).unzip();
    if changes.is_empty() {
        shared.note_saved();
        return false;
    }
    // A checkpoint of another log would skip events of this one.
    let window = shared.window.get();
    let generation = window.map(Window::generation).unwrap_or_default();
    let seen = window.map(Window::seen).unwrap_or_default();
    let mut is_saved = false;
    match shared.store.save(&changes, &seen).await {
        Ok(lost) => {
            shared.note_saved();
            if let Some(window) = window {
                window.confirm(&seen);
            }
            for slice in slices {
                if lost.contains(&slice.lease) {
                    lose(subscribers, slice.lease);
                } else {
                    slice.saved();
                    is_saved = true;
                }
            }
        }
        Err(StoreError::WentBack { end, seen: unknown }) => {
            drop(saving);
            // For people, up to where the lost log was seen.
            let seen = seen.last().map_or(unknown, |last| last.position);
            let error = StoreError::WentBack { end, seen };
            leases::begin_again(shared, subscribers, generation, &error).await;
        }
        Err(error) => tracing::warn!(%error, "progress cannot be saved; trying again"),
    }
    is_saved
}
