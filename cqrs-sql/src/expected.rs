//! News that is expected: a transaction of a user has published, and will commit at a time that is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How long to wait before the readers look at the log, each time. After that, they poll as ever.
const LOOKS: [u64; 9] = [1, 1, 1, 2, 3, 5, 8, 13, 21];

/// Wakes the readers of this process a few times after a transaction of a user has published.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    is_waking: Arc<AtomicBool>,
    is_expected: Arc<AtomicBool>,
}

impl Expected {
    /// Returns at once; a task wakes the readers.
    pub(crate) fn expect(&self, news: &Arc<Notify>) {
        self.is_expected.store(true, Ordering::SeqCst);
        if self.is_waking.swap(true, Ordering::SeqCst) {
            return;
        }
        let (is_waking, is_expected) = (Arc::clone(&self.is_waking), Arc::clone(&self.is_expected));
        let news = Arc::clone(news);
        tokio::spawn(async move {
            loop {
                while is_expected.swap(false, Ordering::SeqCst) {
                    for look in LOOKS {
                        tokio::time::sleep(Duration::from_millis(look)).await;
                        news.notify_waiters();
                        // Another transaction has published: begin again with the short waits.
                        if is_expected.load(Ordering::SeqCst) {
                            break;
                        }
                    }
                }
                is_waking.store(false, Ordering::SeqCst);
                // One may have come before the store.
                let has_come = is_expected.load(Ordering::SeqCst);
                if !has_come || is_waking.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
    }
}
