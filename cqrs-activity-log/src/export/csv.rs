//! Entries as lines of CSV that no spreadsheet runs.

use std::borrow::Cow;

use cqrs_core::Actor;
use csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;

use crate::entry::Entry;

/// The columns, by the names of the entry's fields.
const COLUMNS: [&str; 25] = [
    "id",
    "sequence",
    "occurred_at",
    "recorded_at",
    "tenant",
    "organization",
    "actor_kind",
    "actor_id",
    "actor_name",
    "on_behalf_of_kind",
    "on_behalf_of_id",
    "on_behalf_of_name",
    "action",
    "entity_type",
    "entity_id",
    "entity_name",
    "description",
    "outcome",
    "changes",
    "data",
    "event_name",
    "event_version",
    "correlation_id",
    "causation_id",
    "hash",
];

/// The line of names.
pub(super) fn head() -> Vec<u8> {
    let mut writer = writer();
    // Writing to memory does not fail, nor does it below.
    let _ = writer.write_record(COLUMNS);
    writer.into_inner().unwrap_or_default()
}

pub(super) fn lines(entries: &[Entry]) -> Vec<u8> {
    let mut writer = writer();
    for entry in entries {
        let fields = fields(entry);
        let _ = writer.write_record(fields.iter().map(|field| harmless(field).into_owned()));
    }
    writer.into_inner().unwrap_or_default()
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn fields(entry: &Entry) -> [String; COLUMNS.len()] {
    fn text(text: Option<&str>) -> String {
        text.unwrap_or_default().to_owned()
    }
    fn json(value: Option<&impl Serialize>) -> String {
        value.and_then(|value| serde_json::to_string(value).ok()).unwrap_or_default()
    }
    fn actor(actor: Option<&Actor>) -> [String; 3] {
        let kind = actor.map(|actor| actor.kind().to_string()).unwrap_or_default();
        [kind, text(actor.map(Actor::id)), text(actor.and_then(Actor::name))]
    }
    let [actor_kind, actor_id, actor_name] = actor(entry.actor.as_ref());
    let [behalf_kind, behalf_id, behalf_name] =
        actor(entry.actor.as_ref().and_then(Actor::principal));
    [
        entry.id.to_string(),
        entry.sequence.to_string(),
        entry.occurred_at.to_string(),
        entry.recorded_at.to_string(),
        text(entry.tenant.id().map(cqrs_core::TenantId::as_str)),
        text(entry.organization.as_deref()),
        actor_kind,
        actor_id,
        actor_name,
        behalf_kind,
        behalf_id,
        behalf_name,
        entry.action.clone(),
        entry.entity_type.clone(),
        text(entry.entity_id.as_deref()),
        text(entry.entity_name.as_deref()),
        entry.description.clone(),
        entry.outcome.to_string(),
        json(entry.changes.as_ref()),
        json(entry.data.as_ref()),
        text(entry.event_name.as_deref()),
        entry.event_version.map(|version| version.to_string()).unwrap_or_default(),
        entry.correlation_id.to_string(),
        entry.causation_id.map(|id| id.to_string()).unwrap_or_default(),
        entry.hash.to_string(),
    ]
}

/// A text that a spreadsheet takes for a text.
fn harmless(text: &str) -> Cow<'_, str> {
    let runs = |first| {
        matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
    };
    if text.starts_with(runs) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"];
        for formula in formulas {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["", "a=1", "'=1", "{\"a\":\"=1\"}", "ä"] {
            assert_eq!(harmless(text), text);
        }
    }
}
