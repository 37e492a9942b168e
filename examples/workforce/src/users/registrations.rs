//! How many companies may register.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How many may register at once.
const AT_ONCE: u32 = 30;
/// After this long, one more may.
const ONE_MORE_AFTER: Duration = Duration::from_secs(2);

/// Limits registrations over all: each sends an e-mail to an address that nobody has confirmed.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    /// When all places are free again.
    free_at: Mutex<Option<Instant>>,
}

impl Registrations {
    /// Counts one more.
    pub(super) fn count(&self) -> Result<(), Failure> {
        self.count_at(Instant::now())
    }

    fn count_at(&self, now: Instant) -> Result<(), Failure> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = free_at.map_or(now, |it| it.max(now)) + ONE_MORE_AFTER;
        let wait = (next - now).saturating_sub(ONE_MORE_AFTER * AT_ONCE);
        if !wait.is_zero() {
            return Err(Failure::Busy(wait));
        }
        *free_at = Some(next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_may_register_at_once_and_then_one_after_the_other() {
        let (registrations, start) = (Registrations::default(), Instant::now());
        for _ in 0..AT_ONCE {
            registrations.count_at(start).unwrap();
        }
        for _ in 0..3 {
            let refused = registrations.count_at(start).unwrap_err();
            assert!(matches!(refused, Failure::Busy(wait) if wait == ONE_MORE_AFTER), "{refused}");
        }
        registrations.count_at(start + ONE_MORE_AFTER).unwrap();
        assert!(registrations.count_at(start + ONE_MORE_AFTER).is_err());
        let later = start + Duration::from_mins(10);
        for _ in 0..AT_ONCE {
            registrations.count_at(later).unwrap();
        }
        assert!(registrations.count_at(later).is_err());
    }
}
