//! How soon the next attempt may begin.

use std::time::Duration;

use tokio::time::Instant;

use super::breaker::NotReady;
use crate::handler::RateLimit;

/// How late an attempt may begin without the next one being put off as well: timers have a granularity
/// of a millisecond, and machines are busy.
const FORGIVEN: Duration = Duration::from_millis(5);

/// Spaces attempts evenly: the Generic Cell Rate Algorithm in its form of virtual scheduling (ITU-T
/// I.371, annex A), without a tolerance for what comes early, so that nothing earns a burst.
#[derive(Debug)]
pub(super) struct Rate {
    interval: Duration,
    /// When the next attempt may begin.
    next: Option<Instant>,
}

impl Rate {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { interval: limit.interval(), next: None }
    }

    /// Whether an attempt may begin now, or when.
    pub(super) fn check(&self, now: Instant) -> Result<(), NotReady> {
        self.next.filter(|next| now < *next).map_or(Ok(()), |next| Err(Some(next)))
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, now: Instant) {
        let on_time = self.next.filter(|next| now.saturating_duration_since(*next) <= FORGIVEN);
        self.next = Some(on_time.unwrap_or(now) + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When `count` attempts begin if each comes `late` after it may.
    fn run(limit: RateLimit, count: u32, late: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let (mut rate, mut now) = (Rate::new(limit), start);
        let mut begun = Vec::new();
        while begun.len() < count as usize {
            if let Err(Some(until)) = rate.check(now) {
                now = until + late;
                continue;
            }
            rate.begin(now);
            begun.push(now - start);
        }
        begun
    }

    #[test]
    fn attempts_are_evenly_spaced_from_the_first_on() {
        let begun = run(RateLimit::per_second(100), 101, Duration::ZERO);
        assert_eq!(begun[..3], [0, 10, 20].map(Duration::from_millis));
        assert_eq!(begun[100], Duration::from_secs(1));
        let begun = run(RateLimit::per_hour(2), 3, Duration::ZERO);
        assert_eq!(begun[2], Duration::from_hours(1));
    }

    #[test]
    fn a_late_timer_does_not_lower_the_rate() {
        let late = Duration::from_millis(1);
        for per_second in [50, 100, 1000, 10_000] {
            let begun = run(RateLimit::per_second(per_second), per_second + 1, late);
            let last = begun[per_second as usize];
            assert!(last <= Duration::from_secs(1) + late, "{per_second}/s took {last:?}");
            assert!(last >= Duration::from_secs(1), "{per_second}/s took {last:?}");
        }
    }

    #[test]
    fn time_without_attempts_earns_no_burst() {
        let mut rate = Rate::new(RateLimit::per_second(10));
        let start = Instant::now();
        rate.begin(start);
        let later = start + Duration::from_mins(1);
        assert_eq!(rate.check(later), Ok(()));
        rate.begin(later);
        assert_eq!(rate.check(later), Err(Some(later + Duration::from_millis(100))));
    }
}
