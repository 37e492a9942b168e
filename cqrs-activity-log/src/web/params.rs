//! Parameters of a query: their names and values.

use std::fmt::Display;
use std::str::FromStr;

use cqrs_http::Problem;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use uuid::Uuid;

use super::problem::parameter;
use crate::entry::Outcome;
use crate::query::{Cursor, Filter, Order, PageRequest};

/// The longest query string, in bytes.
const MAX_QUERY: usize = 8 * 1024;

/// The parameters of a filter.
pub(super) const FILTER: &[&str] = &[
    "q",
    "entity",
    "entity_id",
    "action",
    "actor",
    "organization",
    "event",
    "from",
    "to",
    "correlation",
    "outcome",
    "tz",
];
/// More parameters of a page of entries.
pub(super) const PAGE: &[&str] = &["order", "limit", "after"];
/// More parameters of an export.
pub(super) const EXPORT: &[&str] = &["order"];
/// The parameters of a verification.
pub(super) const VERIFY: &[&str] = &["head"];
/// More parameters of a live tail.
pub(super) const LIVE: &[&str] = &["since"];

/// The values of a query string.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    pub(super) filter: Filter,
    pub(super) order: Option<Order>,
    pub(super) limit: Option<u32>,
    pub(super) after: Option<Cursor>,
    /// The time zone of dates; UTC by default.
    pub(super) zone: Option<TimeZone>,
    /// The sequence after which the live tail begins.
    pub(super) since: Option<u64>,
    /// As they were given, in the order of the query string, for links.
    given: Vec<(&'static str, String)>,
}

/// What an empty value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// A mistake of a program.
    Refused,
    /// A field of the form that was left empty.
    Ignored,
}

impl Params {
    /// Reads a query string of parameters from `known`, each at most once.
    pub(super) fn read(
        query: Option<&str>,
        known: &[&[&'static str]],
        empty: Empty,
    ) -> Result<Self, Problem> {
        Self { given: given(query, known, empty)?, ..Self::default() }.parsed()
    }

    /// As [`read`](Self::read), for the page, which also shows values that cannot be used.
    pub(super) fn read_or_keep(
        query: Option<&str>,
        known: &[&[&'static str]],
    ) -> (Self, Option<Problem>) {
        let given = match given(query, known, Empty::Ignored) {
            Ok(given) => given,
            Err(problem) => return (Self::default(), Some(problem)),
        };
        match (Self { given: given.clone(), ..Self::default() }).parsed() {
            Ok(params) => (params, None),
            Err(problem) => (Self { given, ..Self::default() }, Some(problem)),
        }
    }

    fn parsed(mut self) -> Result<Self, Problem> {
        let given = std::mem::take(&mut self.given);
        if let Some((_, zone)) = given.iter().find(|(name, _)| *name == "tz") {
            self.zone = Some(time_zone(zone)?);
        }
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let mut filter = Filter::new();
        for (name, value) in &given {
            match *name {
                "q" => filter = filter.text(value.as_str()),
                "entity" => filter = filter.entity(value),
                "entity_id" => filter = filter.entity_id(value),
                "action" => filter = filter.action(value),
                "actor" => filter = filter.actor(value),
                "organization" => filter = filter.organization(value),
                "event" => filter = filter.event(value),
                "from" => filter = filter.from(time("from", value, &zone)?),
                "to" => filter = filter.to(time("to", value, &zone)?),
                "correlation" => filter = filter.correlation(id("correlation", value)?),
                "outcome" => filter = filter.outcome(outcome(value)?),
                "order" => self.order = Some(order(value)?),
                "limit" => self.limit = Some(number("limit", value)?),
                "after" => {
                    let cursor = value.parse().map_err(|error| parameter("after", error));
                    self.after = Some(cursor?);
                }
                "since" => self.since = Some(number("since", value)?),
                _ => {}
            }
        }
        filter.check().map_err(|error| parameter(error.field(), error.reason()))?;
        Ok(Self { filter, given, ..self })
    }

    pub(super) fn request(&self) -> PageRequest {
        let request = PageRequest::new(self.order.unwrap_or_default()).after(self.after);
        match self.limit {
            Some(limit) => request.limit(limit),
            None => request,
        }
    }

    /// The value of a parameter as it was given.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of the filter, as they were given.
    pub(super) fn narrowing(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.given
            .iter()
            .filter(|(name, _)| FILTER.contains(name) && *name != "tz")
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// A query string, with its `?`, of the parameters in `kept` that were given and of `more`.
    pub(super) fn link(&self, kept: &[&[&str]], more: &[(&str, &str)]) -> String {
        let kept = self.given.iter().filter(|(name, _)| {
            kept.iter().copied().flatten().any(|kept| kept == name)
                && more.iter().all(|(another, _)| another != name)
        });
        let kept = kept.map(|(name, value)| (*name, value.as_str()));
        query(kept.chain(more.iter().copied()))
    }
}

/// A query string with its `?`. A `?` alone leads to the page without parameters.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("?{pairs}")
}

/// The parameters; a mistake, if one is unknown, given twice, or not valid text.
fn given(
    query: Option<&str>,
    known: &[&[&'static str]],
    empty: Empty,
) -> Result<Vec<(&'static str, String)>, Problem> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        let detail = "the query string is longer than 8192 bytes";
        return Err(Problem::new(axum::http::StatusCode::URI_TOO_LONG, detail));
    }
    let mut given: Vec<(&'static str, String)> = Vec::new();
    for encoded in query.split('&') {
        let Some((name, value)) = form_urlencoded::parse(encoded.as_bytes()).next() else {
            continue;
        };
        let Some(name) = known.iter().copied().flatten().find(|known| **known == name) else {
            return Err(unknown(&name, known));
        };
        if given.iter().any(|(before, _)| before == name) {
            return Err(parameter(name, "it is given twice"));
        }
        if !was_text(encoded, &value) {
            return Err(parameter(name, "it is not valid UTF-8"));
        }
        match (value.is_empty(), empty) {
            (true, Empty::Ignored) => {}
            (true, Empty::Refused) => {
                return Err(parameter(name, "it is empty; leave it out instead"));
            }
            (false, _) => given.push((name, value.into_owned())),
        }
    }
    Ok(given)
}

/// Whether the encoded value is UTF-8. Invalid bytes are decoded to U+FFFD, but that may also have been encoded.
fn was_text(encoded: &str, decoded: &str) -> bool {
    let encoded_itself = encoded.to_ascii_uppercase().matches("%EF%BF%BD").count()
        + encoded.matches(char::REPLACEMENT_CHARACTER).count();
    decoded.matches(char::REPLACEMENT_CHARACTER).count() == encoded_itself
}

fn unknown(name: &str, known: &[&[&'static str]]) -> Problem {
    let name: String = name.chars().take(40).collect();
    let known = known.iter().copied().flatten().copied().collect::<Vec<_>>().join(", ");
    let reason = match known.as_str() {
        "" => "there are no parameters here".to_owned(),
        known => format!("it is unknown; there are {known}"),
    };
    parameter(&name.escape_debug().to_string(), reason)
}

/// A number of digits only, without a sign or blanks.
pub(super) fn digits<N: FromStr>(value: &str) -> Option<N> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

fn number<N: FromStr>(name: &'static str, value: &str) -> Result<N, Problem> {
    digits(value).ok_or_else(|| parameter(name, quoted(value, "is not a number that can be used")))
}

fn id(name: &'static str, value: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(value).map_err(|_| parameter(name, quoted(value, "is not a uuid")))
}

fn outcome(value: &str) -> Result<Outcome, Problem> {
    let wrong = || quoted(value, "is not an outcome; there are `succeeded`, `failed` and `denied`");
    value.parse().map_err(|_| parameter("outcome", wrong()))
}

fn order(value: &str) -> Result<Order, Problem> {
    match value {
        "newest" => Ok(Order::NewestFirst),
        "oldest" => Ok(Order::OldestFirst),
        "recorded" => Ok(Order::AsRecorded),
        _ => {
            let wrong = "is not an order; use `newest`, `oldest` or `recorded`";
            Err(parameter("order", quoted(value, wrong)))
        }
    }
}

fn time_zone(value: &str) -> Result<TimeZone, Problem> {
    let is_sane = value.len() <= 64;
    // What the system does not know, or not at all without its database, the bundled one does.
    let zone = TimeZone::get(value).or_else(|_| TimeZoneDatabase::bundled().get(value));
    let zone = zone.ok().filter(|_| is_sane);
    zone.ok_or_else(|| parameter("tz", quoted(value, "is not a known time zone")))
}

/// A time, or a date, which means the time at which the day begins.
fn time(name: &'static str, value: &str, zone: &TimeZone) -> Result<Timestamp, Problem> {
    if let Ok(time) = value.parse::<Timestamp>() {
        return Ok(time);
    }
    let is_date = value.len() == "2026-01-01".len();
    let date = value.parse::<Date>().ok().filter(|_| is_date);
    let begin = date.and_then(|date| date.to_zoned(zone.clone()).ok());
    begin.map(|begin| begin.timestamp()).ok_or_else(|| {
        let wrong = "is not a time; write `2026-11-23T14:00:00Z` or `2026-11-23`";
        parameter(name, quoted(value, wrong))
    })
}

/// The beginning of a wrong value, and what is wrong with it.
fn quoted(value: &str, wrong: impl Display) -> String {
    let shown: String = value.chars().take(40).collect();
    let rest = if shown.len() < value.len() { "…" } else { "" };
    format!("`{}{rest}` {wrong}", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_need_no_database_of_the_system() {
        for zone in ["UTC", "Europe/Berlin", "America/New_York"] {
            assert!(TimeZoneDatabase::bundled().get(zone).is_ok(), "{zone}");
            assert!(time_zone(zone).is_ok(), "{zone}");
        }
        assert!(time_zone("Mars/Olympus").is_err());
    }
}
