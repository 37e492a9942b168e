//! What is recorded by hand.

use cqrs_core::{Changes, Context, EventPayload};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::content::{Content, Limits, entry_id, micros, to_json};
use crate::entry::Outcome;
use crate::error::RecordError;
use crate::retention::is_reserved;

/// Something that was done and that no event tells of, for
/// [`ActivityLog::record`](crate::ActivityLog::record).
///
/// Who did it, for which tenant and organization, stands in the context that it is recorded with.
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
/// `pruned` of an `ActivityLog` is refused: by that, retention accounts for what it removes.
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
    /// `action` was done to an entity of this type, such as `exported` to a `Report`.
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

    /// Says to which entity.
    pub fn id(mut self, id: impl std::fmt::Display) -> Self {
        self.entity_id = Some(id.to_string());
        self
    }

    /// Says what the entity is called now.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.entity_name = Some(name.into());
        self
    }

    /// Describes it for people; otherwise that is `exported Report Q3`.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds data, which stands in the log as it is: nothing is redacted here. It has at most
    /// [`MAX_PAYLOAD_DEPTH`](cqrs_core::MAX_PAYLOAD_DEPTH) levels of objects and lists.
    pub fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// Adds what changed, which stands in the log as it is. It is nested no deeper than data.
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = Some(changes);
        self
    }

    /// Says when it happened, if not now: 1970 or later.
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Says that it was tried and not done.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Whether it is what retention records of itself.
    pub(crate) fn is_reserved(&self) -> bool {
        is_reserved(&self.action, &self.entity_type)
    }

    /// As it is stored, or why it cannot be.
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
