//! Identifiers of messages, which contain the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// A new uuid v7 ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562), section 6.2, method 3): the 12 bits
/// after the milliseconds are their fraction, so that ids sort by time without a lock. The others are random.
pub(crate) fn new() -> Uuid {
    of(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

/// As [`new`], for something that happens at this time, or now if it has passed.
pub(crate) fn at(time: Timestamp) -> Uuid {
    let since_epoch = time.max(Timestamp::now()).as_duration();
    of(since_epoch.try_into().unwrap_or(Duration::ZERO))
}

fn of(since_epoch: Duration) -> Uuid {
    let milliseconds = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let nanoseconds = since_epoch.subsec_nanos() % 1_000_000;
    // Below 4,096, since the nanoseconds are below a million.
    let fraction = (u64::from(nanoseconds) << 12) / 1_000_000;
    let random = (u128::from(fraction) << 64) | u128::from(fastrand::u64(..));
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&random.to_be_bytes()[6..]);
    Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid()
}

/// When `id` was made, if it is a uuid v7. An id that [`new`] made is exact to a quarter of a microsecond.
pub(crate) fn time(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let fraction = u64::try_from((id.as_u128() >> 64) & 0xfff).unwrap_or(0);
    let nanoseconds = u64::from(nanoseconds) + ((fraction * 1_000_000) >> 12);
    let seconds = i64::try_from(seconds).ok()?;
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_uuids_of_version_7_that_sort_by_time_and_are_unique() {
        let before = Timestamp::now();
        let ids: Vec<_> = (0..1000).map(|_| new()).collect();
        let after = Timestamp::now();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1000);
        for id in &ids {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            let made = time(*id).expect("version 7");
            let slack = jiff::SignedDuration::from_micros(1);
            assert!(before - slack <= made && made <= after, "{before} {made} {after}");
        }
        let times: Vec<_> = ids.iter().map(|id| time(*id)).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn an_id_can_be_of_a_later_time() {
        let tomorrow = Timestamp::now() + jiff::SignedDuration::from_hours(24);
        for later in [tomorrow, Timestamp::MAX] {
            let made = time(at(later)).expect("version 7");
            assert!(later.duration_since(made).abs() < jiff::SignedDuration::from_micros(1));
        }
        let before = Timestamp::now() - jiff::SignedDuration::from_micros(1);
        assert!(time(at(Timestamp::MIN)).expect("version 7") >= before);
    }

    #[test]
    fn another_version_says_no_time() {
        assert_eq!(time(Uuid::nil()), None);
    }
}
