//! Entries as CSV without formulas that a spreadsheet would run.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use cqrs_core::{Actor, TenantId};
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

/// The line of column names.
pub(super) fn head() -> Vec<u8> {
    let mut writer = writer();
    // Writing to memory cannot fail, here and below.
    let _ = writer.write_record(COLUMNS);
    writer.into_inner().unwrap_or_default()
}

pub(super) fn lines(entries: &[Entry]) -> Vec<u8> {
    let mut lines = Lines { writer: writer(), text: String::new() };
    for entry in entries {
        lines.entry(entry);
    }
    lines.writer.into_inner().unwrap_or_default()
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

struct Lines {
    writer: Writer<Vec<u8>>,
    /// A buffer for fields that are not texts.
    text: String,
}

impl Lines {
    /// Writes the fields of [`COLUMNS`].
    fn entry(&mut self, entry: &Entry) {
        self.shown(Some(entry.id));
        self.shown(Some(entry.sequence));
        self.shown(Some(entry.occurred_at));
        self.shown(Some(entry.recorded_at));
        self.text(entry.tenant.id().map(TenantId::as_str));
        self.text(entry.organization.as_deref());
        self.actor(entry.actor.as_ref());
        self.actor(entry.actor.as_ref().and_then(Actor::principal));
        self.text(Some(&entry.action));
        self.text(Some(&entry.entity_type));
        self.text(entry.entity_id.as_deref());
        self.text(entry.entity_name.as_deref());
        self.text(Some(&entry.description));
        self.text(Some(entry.outcome.as_str()));
        self.json(entry.changes.as_ref());
        self.json(entry.data.as_ref());
        self.text(entry.event_name.as_deref());
        self.shown(entry.event_version);
        self.shown(Some(entry.correlation_id));
        self.shown(entry.causation_id);
        self.shown(Some(entry.hash));
        let _ = self.writer.write_record(None::<&[u8]>);
    }

    fn actor(&mut self, actor: Option<&Actor>) {
        self.shown(actor.map(Actor::kind));
        self.text(actor.map(Actor::id));
        self.text(actor.and_then(Actor::name));
    }

    fn text(&mut self, text: Option<&str>) {
        let _ = self.writer.write_field(&*harmless(text.unwrap_or_default()));
    }

    fn shown(&mut self, value: Option<impl Display>) {
        self.text.clear();
        if let Some(value) = value {
            let _ = write!(self.text, "{value}");
        }
        let _ = self.writer.write_field(&*harmless(&self.text));
    }

    fn json(&mut self, value: Option<&impl Serialize>) {
        let json = value.and_then(|value| serde_json::to_string(value).ok());
        self.text(json.as_deref());
    }
}

/// The text, with a `'` before it if a spreadsheet would run it.
fn harmless(text: &str) -> Cow<'_, str> {
    let runs = |first| {
        matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
    };
    // Some spreadsheets skip blanks and run what follows.
    let is_blank = |first: char| first.is_whitespace() || first.is_control() || first == '\u{feff}';
    let is_harmful = text.starts_with(runs) || text.trim_start_matches(is_blank).starts_with(runs);
    if is_harmful { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"];
        let after_blanks =
            [" =1", "\u{a0}=1", "\u{feff}=1", " \u{3000}\u{feff}\0@SUM(A1)", "\u{2028}-1"];
        for formula in formulas.into_iter().chain(after_blanks) {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["", " ", " a=1", "a=1", "'=1", "{\"a\":\"=1\"}", "ä"] {
            assert_eq!(harmless(text), text);
        }
    }
}
