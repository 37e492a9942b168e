//! How readers learn that there is something new.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::log::Position;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::harness::Harness;
use crate::support::{append, eventually};

pub(crate) async fn an_append_wakes_a_reader_of_the_same_handle(harness: impl Harness) {
    let store = harness.store();
    let reader = Arc::clone(&store);
    let news = tokio::spawn(async move { reader.news().await });
    // The first append may come before the reader waits.
    eventually("the reader is woken", async || {
        append(&*store, 0, 1).await;
        news.is_finished()
    })
    .await;
}

/// A reader waits for news, but never for longer than its poll time.
pub(crate) async fn another_handle_learns_of_an_append_in_time(harness: impl Harness) {
    const POLL: Duration = Duration::from_millis(250);
    let reader = harness.another().await;
    let has_read = Arc::new(Notify::new());
    let waits = Arc::clone(&has_read);
    let reader = tokio::spawn(async move {
        loop {
            let page = reader.read(Position::START, 10).await.unwrap();
            if !page.is_empty() {
                return page;
            }
            waits.notify_one();
            let _ = timeout(POLL, reader.news()).await;
        }
    });
    has_read.notified().await;
    append(&*harness.store(), 0, 1).await;
    let page = timeout(Duration::from_secs(10), reader).await.expect("it learns in time").unwrap();
    assert_eq!(page.len(), 1);
}
