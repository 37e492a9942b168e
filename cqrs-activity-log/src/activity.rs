//! What is recorded by hand.

use cqrs_core::message::EventPayload;
use cqrs_core::{Changes, Context};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::content::{Content, Limits, entry_id, micros, to_json};
use crate::entry::Outcome;
use crate::error::RecordError;

/// Something that was done and that no event reports, for
/// [`ActivityLog::record`](crate::ActivityLog::record).
///
/// The context that it is recorded with says who did it, and for which tenant and organization.
///
/// ```
/// use cqrs_activity_log::{Activity, Outcome};
/// use serde_json::json;
///
/// let activity = Activity::new("exported", "Report")
///     .id(42)
///     .named("Q3")
///     .describe("exported the report Q3 as CSV")
///     .data(json!({"format": "csv", "rows": 1200}))
///     .outcome(Outcome::Succeeded);
/// # let _ = activity;
/// ```
///
/// An action and an entity type have 1 to 256 bytes, ids and names up to 256, a description up to 1 KiB.
/// `pruned` of an `ActivityLog` is refused, because retention records it to account for what it removes.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is recorded until `ActivityLog::record`"]
pub struct Activity {
    action: String,
    entity_type: String,
    entity_id: Option<String>,
    entity_name: Option<String>,
    description: Option<String>,
    changes: Option<Changes>,
    data: Option<Value>,
    occurred_at: Option<Timestamp>,
    outcome: Outcome,
}

impl Activity {
    /// The action and the entity type by which retention accounts for what it removes.
    pub(crate) const RESERVED: (&str, &str) = ("pruned", "ActivityLog");

    /// An action on an entity of this type, such as `exported` on a `Report`.
    pub fn new(action: impl Into<String>, entity_type: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            entity_type: entity_type.into(),
            entity_id: None,
            entity_name: None,
            description: None,
            changes: None,
            data: None,
            occurred_at: None,
            outcome: Outcome::Succeeded,
        }
    }

    /// Sets the id of the entity.
    pub fn id(mut self, id: impl std::fmt::Display) -> Self {
        self.entity_id = Some(id.to_string());
        self
    }

    /// Sets the current name of the entity.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.entity_name = Some(name.into());
        self
    }

    /// Describes the activity for people; without this, the description is such as `exported Report Q3`.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds data, which is recorded unchanged: nothing is redacted. It has at most
    /// [`AnyEvent::MAX_PAYLOAD_DEPTH`](cqrs_core::AnyEvent::MAX_PAYLOAD_DEPTH) levels of objects and lists.
    pub fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// Adds what changed, which is recorded unchanged, with at most as many levels as data.
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = Some(changes);
        self
    }

    /// Sets when it happened, if not now: 1970 or later.
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Sets the outcome; without this, the activity succeeded.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Whether only retention may record it; otherwise a user could account for entries that were removed.
    pub(crate) fn is_reserved(&self) -> bool {
        (self.action.as_str(), self.entity_type.as_str()) == Self::RESERVED
    }

    /// The columns to store, or why they cannot be stored.
    pub(crate) fn into_content(
        self,
        ctx: &Context,
        now: Timestamp,
        limits: Limits,
    ) -> Result<Content, RecordError> {
        let occurred_at = self.occurred_at.unwrap_or(now);
        if occurred_at < Timestamp::UNIX_EPOCH {
            return Err(RecordError::Invalid(format!(
                "it occurred at {occurred_at}, and the log begins in 1970"
            )));
        }
        if let Err(error) = Timestamp::from_microsecond(micros(occurred_at)) {
            return Err(RecordError::Invalid(format!(
                "it occurred at {occurred_at}, which could not be read back: {error}"
            )));
        }
        for (what, text) in [("action", &self.action), ("entity type", &self.entity_type)] {
            if text.trim().is_empty() {
                return Err(RecordError::Invalid(format!("its {what} is empty")));
            }
        }
        let mut content = Content {
            id: entry_id(occurred_at),
            may_be_known: false,
            causation_id: Some(ctx.message_id()),
            action: self.action,
            entity_type: self.entity_type,
            entity_id: self.entity_id,
            entity_name: self.entity_name,
            description: String::new(),
            changes: json("changes", self.changes.as_ref())?,
            data: json("data", self.data.as_ref())?,
            occurred_at: micros(occurred_at),
            outcome: self.outcome.as_str().to_owned(),
            ..Content::of(ctx)
        };
        content.description = self.description.unwrap_or_else(|| content.default_description());
        content.check(limits)?;
        Ok(content)
    }
}

fn json<T: Serialize + EventPayload>(
    part: &str,
    value: Option<&T>,
) -> Result<Option<String>, RecordError> {
    value.map(to_json).transpose().map_err(|error| {
        RecordError::Invalid(format!("its {part} cannot be written as JSON: {error}"))
    })
}
