//! What a time log is.

use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Week;
use crate::db::{DbError, Row, now};
use crate::fields::Fields;

/// Time that an employee worked on a project. Those of one employee do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeLog {
    /// Time-ordered by when it was recorded.
    pub id: Uuid,
    /// Who worked.
    pub employee_id: Uuid,
    /// On what.
    pub project: String,
    /// Anything else; may be empty.
    pub note: String,
    /// From when, and until when.
    #[serde(flatten)]
    pub span: Span,
    /// How long, in minutes.
    pub minutes: i64,
    /// The week in which it began; it counts for that week's timesheet.
    #[schema(value_type = String, example = "2026-W48")]
    pub week: Week,
    /// Where it comes from: `manual`, `github` or `upwork`.
    pub source: String,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// From when until when, in whole minutes; at least one, at most a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// The first minute.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// The minute after the last.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
}

impl Span {
    /// The longest, in minutes.
    pub const MAX_MINUTES: i64 = 24 * 60;

    /// From `start` to `end`, or for so many minutes; seconds are cut off. What is wrong is reported, and
    /// then there is none.
    pub(crate) fn checked(
        fields: &mut Fields,
        start: Timestamp,
        end: Option<Timestamp>,
        minutes: Option<i64>,
    ) -> Option<Self> {
        let start = minute(start);
        let minutes = match (end, minutes) {
            (Some(end), None) => {
                let minutes = (minute(end).as_second() - start.as_second()) / 60;
                if !(1..=Self::MAX_MINUTES).contains(&minutes) {
                    fields.add(
                        "ended_at",
                        "is not between one minute and one day after `started_at`",
                    );
                    return None;
                }
                minutes
            }
            (None, Some(minutes)) => {
                if !(1..=Self::MAX_MINUTES).contains(&minutes) {
                    fields.add("minutes", format!("is not between 1 and {}", Self::MAX_MINUTES));
                    return None;
                }
                minutes
            }
            _ => {
                fields.add("minutes", "and `ended_at`: exactly one of both is needed");
                return None;
            }
        };
        // Far from both ends of what a time can be.
        let years = Timestamp::from_second(946_684_800).ok()?
            ..Timestamp::from_second(4_102_444_800).ok()?;
        if !years.contains(&start) {
            fields.add("started_at", "is not between the years 2000 and 2099");
            return None;
        }
        Some(Self { started_at: start, ended_at: start.checked_add(minutes.minutes()).ok()? })
    }

    /// The first minute.
    pub fn started_at(self) -> Timestamp {
        self.started_at
    }

    /// The minute after the last.
    pub fn ended_at(self) -> Timestamp {
        self.ended_at
    }

    /// How many.
    pub fn minutes(self) -> i64 {
        (self.ended_at.as_second() - self.started_at.as_second()) / 60
    }

    /// The week in which it begins.
    pub fn week(self) -> Week {
        Week::of(self.started_at)
    }
}

impl TimeLog {
    const MAX_PROJECT: usize = 200;
    const MAX_NOTE: usize = 1000;

    pub(super) fn new(
        fields: &mut Fields,
        employee_id: Uuid,
        project: &str,
        note: &str,
        span: Option<Span>,
    ) -> Option<Self> {
        let project = fields.line("project", project, Self::MAX_PROJECT);
        let note = fields.line_opt("note", Some(note), Self::MAX_NOTE).unwrap_or_default();
        let span = span?;
        Some(Self {
            id: Uuid::now_v7(),
            employee_id,
            project,
            note,
            span,
            minutes: span.minutes(),
            week: span.week(),
            source: "manual".to_owned(),
            created_at: now(),
        })
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        let span = Span { started_at: row.time("started_at")?, ended_at: row.time("ended_at")? };
        Ok(Self {
            id: row.uuid("id")?,
            employee_id: row.uuid("employee_id")?,
            project: row.text("project")?,
            note: row.text("note")?,
            span,
            minutes: span.minutes(),
            week: row.parse("week")?,
            source: row.text("source")?,
            created_at: row.time("created_at")?,
        })
    }
}

fn minute(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: &str, end: Option<&str>, minutes: Option<i64>) -> Result<Span, String> {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let mut fields = Fields::default();
        let span = Span::checked(&mut fields, time(start), end.map(time), minutes);
        match fields.finish() {
            Ok(()) => Ok(span.expect("a span, since nothing is wrong")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn seconds_are_cut_off() {
        let found = span("2026-11-23T09:00:59.9Z", Some("2026-11-23T10:30:01Z"), None);
        let found = found.expect("a span");
        assert_eq!(found.started_at().to_string(), "2026-11-23T09:00:00Z");
        assert_eq!(found.ended_at().to_string(), "2026-11-23T10:30:00Z");
        assert_eq!(found.minutes(), 90);
    }

    #[test]
    fn a_span_that_makes_no_sense_says_why() {
        let start = "2026-11-23T09:00:00Z";
        for (end, minutes, reason) in [
            (Some("2026-11-23T09:00:30Z"), None, "`ended_at` is not between"),
            (Some("2026-11-23T08:00:00Z"), None, "`ended_at` is not between"),
            (Some("2026-11-24T09:01:00Z"), None, "`ended_at` is not between"),
            (None, Some(0), "`minutes` is not between 1 and 1440"),
            (None, Some(i64::MIN), "`minutes` is not between"),
            (None, Some(i64::MAX), "`minutes` is not between"),
            (None, None, "exactly one"),
            (Some(start), Some(1), "exactly one"),
        ] {
            let error = span(start, end, minutes).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
        for start in ["-009999-01-02T01:59:59Z", "1999-12-31T23:59:00Z", "9999-12-30T22:00:00Z"] {
            let error = span(start, None, Some(10)).expect_err("years away");
            assert!(error.contains("between the years"), "{error}");
        }
    }
}
