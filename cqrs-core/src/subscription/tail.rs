//! Reads the end of the log into the window.

use std::sync::Arc;
use std::time::Duration;

use super::subscriber::Subscriber;
use super::{Shared, leases};
use crate::log::StoreError;

/// How many events are read at once.
const PAGE: usize = 500;

/// How long to wait after the log could not be read.
const BACK_OFF: Duration = Duration::from_millis(500);

/// How long to wait for events of this process after news. They come to the window without being read.
const BEFORE_OTHERS: Duration = Duration::from_millis(1);

/// How long to wait after they have come, so that each of them is not followed by a look at the log.
const AFTER_OWN: Duration = Duration::from_millis(5);

/// Reads the log whenever a subscriber has read all of the window, until a shutdown begins.
pub(super) async fn run(shared: Arc<Shared>, subscribers: Vec<Arc<Subscriber>>) {
    let Some(window) = shared.window.get() else { return };
    let poll = shared.store.profile().poll;
    while shared.unless_stopped(window.wanted.notified()).await {
        loop {
            let generation = window.generation();
            let after = window.end();
            // Made before the log is read, so that no news falls in between.
            let news = shared.store.news();
            match shared.read_on(window, after, PAGE).await {
                Ok(page) if !page.is_empty() => {
                    window.push_read(after, page);
                    break;
                }
                Ok(_) => {
                    if !shared.unless_stopped(tokio::time::timeout(poll, news)).await {
                        return;
                    }
                    // The news may be an append of this process: then its events are about to be here.
                    tokio::time::sleep(BEFORE_OTHERS).await;
                    if window.end() > after {
                        tokio::time::sleep(AFTER_OWN).await;
                        break;
                    }
                }
                Err(error @ StoreError::WentBack { .. }) => {
                    leases::begin_again(&shared, &subscribers, generation, &error).await;
                    if !shared.unless_stopped(tokio::time::sleep(BACK_OFF)).await {
                        return;
                    }
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "the log cannot be read; trying again");
                    if !shared.unless_stopped(tokio::time::sleep(BACK_OFF)).await {
                        return;
                    }
                }
            }
        }
    }
}
