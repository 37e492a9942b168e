//! The clock of an application, which a test can move.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// This machine's clock, and how far a test has moved the application ahead of it. It decides what is due: attempts, rates,
/// circuit breakers, the ages of events and scheduled events. Time limits of what runs are by this machine's clock alone.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// In nanoseconds.
    ahead: AtomicU64,
}

impl Clock {
    /// How far it is ahead of this machine's clock.
    pub(crate) fn ahead(&self) -> Duration {
        Duration::from_nanos(self.ahead.load(SeqCst))
    }

    /// Moves it ahead, together with earlier calls at most by 500 years. What waits for its time has to be woken.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let add = |ahead: u64| Some(ahead.saturating_add(by));
        let _ = self.ahead.fetch_update(SeqCst, SeqCst, add);
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        let ahead = SignedDuration::try_from(self.ahead()).unwrap_or(SignedDuration::MAX);
        Timestamp::now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// When tokio's clock is at `instant` of this one.
    pub(crate) fn by_tokio(&self, instant: Instant) -> Instant {
        instant.checked_sub(self.ahead()).unwrap_or(instant)
    }
}
