//! Moves scheduled events into the log when they are due.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::codec::Content;
use crate::log::StoreError;

/// How many events are moved in one transaction.
const BATCH: usize = 100;

/// How long to wait after the store has failed.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Moves what is due until a shutdown begins. Every node does: what one of them has scheduled is moved by another one
/// if the first has ended.
pub(super) async fn run(shared: Arc<Shared>) {
    // Another node may schedule an event that is due earlier, and end.
    let poll = shared.store.profile().poll;
    let mut wait = Duration::ZERO;
    while shared.unless_stopped(tokio::time::timeout(wait, shared.scheduled.notified())).await {
        wait = match move_due(&shared).await {
            Ok(next) => next.map_or(poll, |next| next.min(poll)),
            Err(error) => {
                tracing::warn!(%error, "scheduled events cannot be moved into the log; trying again");
                BACK_OFF
            }
        };
    }
}

/// Moves a batch of what is due. Returns in how long the next event is due.
pub(super) async fn move_due(shared: &Shared) -> Result<Option<Duration>, StoreError> {
    let due = shared.store.move_due(BATCH, shared.lifecycle.clock.ahead()).await?;
    for logged in due.moved {
        hand_on(shared, shared.codec.decode(logged).content);
    }
    Ok(due.next)
}

/// Hands an event that was moved to the handlers of this process that get their events from memory. The others read it
/// from the log.
fn hand_on(shared: &Shared, content: Content) {
    if let (Content::Event(event), Some(to)) = (content, shared.publisher.upgrade()) {
        to.appended(&event);
    }
}
