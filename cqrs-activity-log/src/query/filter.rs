//! Which entries are read.

use std::fmt::{self, Display};

use cqrs_core::TenantScope;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::text::{Words, texts};
use crate::content::tenant_column;
use crate::entry::{Entry, Outcome};
use crate::store::{Candidate, Conditions};

/// Which entries of a tenant match: all of them, or those that satisfy every condition that is set.
///
/// Values are compared byte by byte; only [`text`](Self::text) also matches inside of words. A value has 1 to
/// [`MAX_VALUE_LENGTH`](Self::MAX_VALUE_LENGTH) bytes. When an invalid filter is used, [`InvalidFilter`] names the value.
///
/// ```
/// use cqrs_activity_log::Filter;
///
/// let of_grace = Filter::new().entity("Employee").entity_id(42).action("updated");
/// let last_autumn = Filter::new()
///     .from("2026-09-01T00:00:00Z".parse()?)
///     .to("2026-12-01T00:00:00Z".parse()?)
///     .text("grace hopper");
/// # let _ = (of_grace, last_autumn);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    pub(crate) organization: Option<String>,
    pub(crate) entity: Option<String>,
    pub(crate) entity_id: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) correlation: Option<Uuid>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) text: Option<String>,
}

impl Filter {
    /// The longest value, in bytes.
    pub const MAX_VALUE_LENGTH: usize = 256;

    /// Every entry of the tenant.
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries of this organization within the tenant.
    pub fn organization(mut self, id: impl Display) -> Self {
        self.organization = Some(id.to_string());
        self
    }

    /// Entries about this type of entity, such as `Employee`.
    pub fn entity(mut self, entity_type: impl Display) -> Self {
        self.entity = Some(entity_type.to_string());
        self
    }

    /// Entries about this entity; its type must be set too, with [`entity`](Self::entity).
    pub fn entity_id(mut self, id: impl Display) -> Self {
        self.entity_id = Some(id.to_string());
        self
    }

    /// Entries with this action, such as `created`.
    pub fn action(mut self, action: impl Display) -> Self {
        self.action = Some(action.to_string());
        self
    }

    /// Entries of the actor with this id, without those of others on its behalf.
    pub fn actor(mut self, id: impl Display) -> Self {
        self.actor = Some(id.to_string());
        self
    }

    /// Entries of events with this name, such as `employee.created`.
    pub fn event(mut self, name: impl Display) -> Self {
        self.event = Some(name.to_string());
        self
    }

    /// Entries that happened at this time or later, to the microsecond.
    pub fn from(mut self, time: Timestamp) -> Self {
        self.from = Some(time);
        self
    }

    /// Entries that happened before this time, to the microsecond.
    pub fn to(mut self, time: Timestamp) -> Self {
        self.to = Some(time);
        self
    }

    /// Entries that one request or job caused.
    pub fn correlation(mut self, id: Uuid) -> Self {
        self.correlation = Some(id);
        self
    }

    /// Entries with this outcome.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Entries in which each of these words occurs: in the description, action, entity (type, id, name) or actor
    /// (id, name). Case is ignored, and a word may be part of a longer one.
    ///
    /// No index supports this: entries are looked at one by one, at most
    /// [`PageRequest::MAX_LOOKED_AT`](super::PageRequest::MAX_LOOKED_AT) for one page, and one page at a time for each
    /// tenant.
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.text = Some(words.into());
        self
    }

    /// Whether nothing is set, so that every entry matches.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every value can be used.
    ///
    /// # Errors
    ///
    /// [`InvalidFilter`] names the first one that cannot: empty, too long, with a zero character, an
    /// entity id without the entity's type, or a time range that ends before it begins.
    pub fn check(&self) -> Result<(), InvalidFilter> {
        for (field, value) in self.texts() {
            let Some(value) = value else { continue };
            if value.is_empty() {
                return Err(InvalidFilter::new(field, "it is empty; leave it out instead"));
            }
            if value.len() > Self::MAX_VALUE_LENGTH {
                return Err(InvalidFilter::new(field, "it is longer than 256 bytes"));
            }
            if value.contains('\0') {
                return Err(InvalidFilter::new(field, "it contains a zero character"));
            }
        }
        if self.text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            return Err(InvalidFilter::new("q", "it has no word to look for"));
        }
        if self.entity_id.is_some() && self.entity.is_none() {
            let reason = "an entity's id needs its type too; set `entity`";
            return Err(InvalidFilter::new("entity_id", reason));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(InvalidFilter::new("to", "the time range ends before it begins"));
        }
        Ok(())
    }

    /// Each text by the name of its query parameter.
    pub(crate) fn texts(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("organization", self.organization.as_deref()),
            ("entity", self.entity.as_deref()),
            ("entity_id", self.entity_id.as_deref()),
            ("action", self.action.as_deref()),
            ("actor", self.actor.as_deref()),
            ("event", self.event.as_deref()),
            ("q", self.text.as_deref()),
        ]
    }

    /// Identifies this filter in this tenant: the first eight bytes of a SHA-256.
    pub(crate) fn fingerprint(&self, tenant: &TenantScope) -> [u8; 8] {
        let mut hash = Sha256::new();
        let mut add = |value: Option<&[u8]>| {
            let length = value.map_or(u64::MAX, |value| value.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(value.unwrap_or_default());
        };
        add(Some(tenant_column(tenant).as_bytes()));
        for (_, value) in self.texts() {
            add(value.map(str::as_bytes));
        }
        for time in [self.from, self.to] {
            add(time
                .map(|time| time.as_nanosecond().to_be_bytes())
                .as_ref()
                .map(<[u8; 16]>::as_slice));
        }
        add(self.correlation.as_ref().map(|id| id.as_bytes().as_slice()));
        add(self.outcome.map(|outcome| outcome.as_str().as_bytes()));
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        first
    }

    /// The part of the filter that the database applies, with an index.
    pub(crate) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        let columns = [
            ("organization = ?", &self.organization),
            ("entity_type = ?", &self.entity),
            ("entity_id = ?", &self.entity_id),
            ("action = ?", &self.action),
            ("actor_id = ?", &self.actor),
            ("event_name = ?", &self.event),
        ];
        for (sql, value) in columns {
            if let Some(value) = value {
                conditions = conditions.and(sql, [value.as_str().into()]);
            }
        }
        if let Some(id) = self.correlation {
            conditions = conditions.and("correlation_id = ?", [id.into()]);
        }
        // Ids begin with the millisecond, so the index finds the range; the column gives the exact time.
        if let Some(from) = self.from {
            let first = first_id(from.as_millisecond());
            let args = [first.into(), up_to_micros(from).into()];
            conditions = conditions.and("id >= ? AND occurred_at >= ?", args);
        }
        if let Some(to) = self.to {
            let first = first_id(to.as_millisecond().saturating_add(1));
            let args = [first.into(), up_to_micros(to).into()];
            conditions = conditions.and("id < ? AND occurred_at < ?", args);
        }
        conditions
    }

    /// The part of the filter that no index supports, if there is one.
    pub(crate) fn post_filter(&self) -> Option<PostFilter> {
        let words = self.text.as_deref().map(Words::new);
        let outcome = self.outcome;
        (words.is_some() || outcome.is_some()).then_some(PostFilter { words, outcome })
    }

    /// Whether `entry`, of the right tenant, matches: the whole filter, without a database.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        fn is(wanted: Option<&String>, value: Option<&str>) -> bool {
            wanted.is_none_or(|wanted| value == Some(wanted.as_str()))
        }
        let actor = entry.actor.as_ref().map(cqrs_core::Actor::id);
        is(self.organization.as_ref(), entry.organization.as_deref())
            && is(self.entity.as_ref(), Some(&entry.entity_type))
            && is(self.entity_id.as_ref(), entry.entity_id.as_deref())
            && is(self.action.as_ref(), Some(&entry.action))
            && is(self.actor.as_ref(), actor)
            && is(self.event.as_ref(), entry.event_name.as_deref())
            && self.from.is_none_or(|from| entry.occurred_at >= from)
            && self.to.is_none_or(|to| entry.occurred_at < to)
            && self.correlation.is_none_or(|id| entry.correlation_id == id)
            && self.post_filter().is_none_or(|filter| filter.matches(entry))
    }
}

/// The smallest id of an entry that happened in this millisecond or later.
fn first_id(millisecond: i64) -> Uuid {
    const LATEST: u64 = (1 << 48) - 1;
    let millisecond = u64::try_from(millisecond).unwrap_or(0).min(LATEST);
    Uuid::from_u128(u128::from(millisecond) << 80)
}

/// The time in microseconds, rounded up, because entries have whole microseconds.
fn up_to_micros(time: Timestamp) -> i64 {
    // Before 1970 the fraction is negative, and `as_microsecond` has rounded up already.
    let is_rounded_down = time.subsec_nanosecond() % 1_000 > 0;
    time.as_microsecond().saturating_add(i64::from(is_rounded_down))
}

/// The part of a filter that is applied to each entry after it was read.
pub(crate) struct PostFilter {
    words: Option<Words>,
    outcome: Option<Outcome>,
}

impl PostFilter {
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        self.outcome.is_none_or(|outcome| entry.outcome == outcome)
            && self.words.as_ref().is_none_or(|words| words.all_occur_in(&texts(entry)))
    }

    /// As [`matches`](Self::matches), before the entry itself is read.
    pub(super) fn finds(&self, candidate: &Candidate) -> bool {
        self.outcome.is_none_or(|outcome| candidate.outcome == outcome.as_str())
            && self.words.as_ref().is_none_or(|words| words.all_occur_in(&candidate.text))
    }
}

/// A filter has a value that cannot match, or that has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFilter {
    field: &'static str,
    reason: &'static str,
}

impl InvalidFilter {
    fn new(field: &'static str, reason: &'static str) -> Self {
        Self { field, reason }
    }

    /// The name of the value as a query parameter, such as `entity_id`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the filter `{}` cannot be used: {}", self.field, self.reason)
    }
}

impl std::error::Error for InvalidFilter {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_filter_names_the_value() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let cases = [
            (Filter::new().action(""), "action", "empty"),
            (Filter::new().actor("x".repeat(257)), "actor", "longer than 256"),
            (Filter::new().event("a\0b"), "event", "zero character"),
            (Filter::new().text("  "), "q", "no word"),
            (Filter::new().entity_id(1), "entity_id", "needs its type"),
            (Filter::new().from(at(2)).to(at(1)), "to", "before it begins"),
        ];
        for (filter, field, reason) in cases {
            let error = filter.check().expect_err(field);
            assert_eq!(error.field(), field);
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(Filter::new().from(at(1)).to(at(1)).check(), Ok(()));
    }

    #[test]
    fn two_filters_or_two_tenants_never_share_a_fingerprint() {
        let filters = [
            Filter::new(),
            Filter::new().action("a"),
            Filter::new().actor("a"),
            Filter::new().entity("a").entity_id("b"),
            Filter::new().entity("ab").entity_id(""),
            Filter::new().from(Timestamp::UNIX_EPOCH),
            Filter::new().to(Timestamp::UNIX_EPOCH),
        ];
        let mut seen = std::collections::HashSet::new();
        let tenant = |id: &str| TenantScope::Tenant(id.parse().expect("a tenant"));
        for tenant in [TenantScope::System, tenant("acme"), tenant("globex")] {
            for filter in &filters {
                assert!(seen.insert(filter.fingerprint(&tenant)), "{tenant} {filter:?}");
            }
        }
    }
}
