//! A week.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, ISOWeekDate, Time, Weekday};
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::db::now;

/// A calendar week of ISO 8601, Monday to Sunday in UTC, written `2026-W48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week {
    monday: Date,
}

/// A text that names no week.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a week such as `2026-W48`")]
pub struct InvalidWeek;

impl Week {
    /// The week that a time lies in.
    pub fn of(time: Timestamp) -> Self {
        let date = Offset::UTC.to_datetime(time).date().iso_week_date();
        Self::number(date.year(), date.week()).unwrap_or(Self { monday: Date::ZERO })
    }

    /// The present one.
    pub fn current() -> Self {
        Self::of(now())
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Offset::UTC.to_timestamp(self.monday.to_datetime(Time::midnight())).unwrap_or_default()
    }

    fn number(year: i16, week: i8) -> Option<Self> {
        let monday = ISOWeekDate::new(year, week, Weekday::Monday).ok()?;
        Some(Self { monday: monday.date() })
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.monday.iso_week_date();
        write!(f, "{:04}-W{:02}", date.year(), date.week())
    }
}

impl FromStr for Week {
    type Err = InvalidWeek;

    fn from_str(text: &str) -> Result<Self, InvalidWeek> {
        let week = || {
            let (year, week) = text.split_once("-W")?;
            let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let is_formed =
                year.len() == 4 && week.len() == 2 && is_digits(year) && is_digits(week);
            is_formed.then_some(())?;
            Self::number(year.parse().ok()?, week.parse().ok()?)
        };
        week().ok_or(InvalidWeek)
    }
}

impl Serialize for Week {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Week {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week_of(time: &str) -> String {
        Week::of(time.parse().expect("a time")).to_string()
    }

    #[test]
    fn a_week_begins_on_monday_in_utc() {
        assert_eq!(week_of("2026-11-22T23:59:59Z"), "2026-W47");
        assert_eq!(week_of("2026-11-23T00:00:00Z"), "2026-W48");
        let week = Week::of("2026-11-25T12:00:00Z".parse().expect("a time"));
        assert_eq!(week.start().to_string(), "2026-11-23T00:00:00Z");
        assert_eq!(week_of("2026-11-23T00:30:00+01:00"), "2026-W47");
    }

    #[test]
    fn a_year_may_begin_in_the_last_week_of_the_year_before() {
        assert_eq!(week_of("2027-01-01T12:00:00Z"), "2026-W53");
        assert_eq!(week_of("2024-12-30T12:00:00Z"), "2025-W01");
    }

    #[test]
    fn what_names_no_week_is_refused() {
        for text in
            ["2026-W54", "2026-W00", "2026-48", "+026-W48", "2026-W+8", "", "2026-W4", "x-W01"]
        {
            assert_eq!(text.parse::<Week>(), Err(InvalidWeek), "{text}");
        }
        assert_eq!("2026-W48".parse::<Week>().map(|week| week.to_string()), Ok("2026-W48".into()));
    }
}
