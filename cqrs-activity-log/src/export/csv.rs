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

/// How many UTF-16 units a cell of Excel can hold.
const MAX_CELL: usize = 32_767;

/// The mark by which Excel recognises UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The line of column names.
pub(super) fn head() -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
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
        let _ = self.writer.write_field(&*cell(text.unwrap_or_default()));
    }

    fn shown(&mut self, value: Option<impl Display>) {
        self.text.clear();
        if let Some(value) = value {
            let _ = write!(self.text, "{value}");
        }
        let _ = self.writer.write_field(&*cell(&self.text));
    }

    fn json(&mut self, value: Option<&impl Serialize>) {
        let json = value.and_then(|value| serde_json::to_string(value).ok());
        self.text(json.as_deref());
    }
}

/// The text without what a spreadsheet would run, and no longer than a cell can be.
fn cell(text: &str) -> Cow<'_, str> {
    match harmless(text) {
        Cow::Borrowed(text) => within_cell(text),
        Cow::Owned(text) => Cow::Owned(within_cell(&text).into_owned()),
    }
}

/// The text, with a `'` before each part that a spreadsheet would run.
///
/// A spreadsheet may read the file with another separator than the comma, and then a quoted text does not remain one
/// cell. So what follows a separator is treated as a cell of its own.
fn harmless(text: &str) -> Cow<'_, str> {
    let runs = |letter| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let mut ends = Vec::new();
    if text.starts_with(['\t', '\r', '\n']) {
        ends.push(0);
    }
    let mut start = Some(0);
    for (at, letter) in text.char_indices() {
        if is_separator(letter) {
            start = Some(at + letter.len_utf8());
        } else if !is_skipped(letter) {
            ends.extend(start.take().filter(|_| runs(letter)));
        }
    }
    if ends.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + ends.len());
    let mut last = 0;
    for end in ends {
        safe.extend([&text[last..end], "'"]);
        last = end;
    }
    safe.push_str(&text[last..]);
    Cow::Owned(safe)
}

/// Whether a spreadsheet may begin a cell after it, although the text is quoted.
fn is_separator(letter: char) -> bool {
    matches!(letter, ';' | '|' | '\t' | '\r' | '\n')
}

/// Whether a spreadsheet may skip it at the beginning of a cell, and run what follows.
fn is_skipped(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '\u{feff}')
}

/// The text, or its beginning and a mark if no cell can hold all of it.
fn within_cell(text: &str) -> Cow<'_, str> {
    // No text has more UTF-16 units than bytes.
    if text.len() <= MAX_CELL || text.encode_utf16().count() <= MAX_CELL {
        return Cow::Borrowed(text);
    }
    let mark = format!("… [cut: {} characters]", text.chars().count());
    let mut room = MAX_CELL - mark.encode_utf16().count();
    let end = text.char_indices().find(|(_, letter)| {
        let rest = room.checked_sub(letter.len_utf16());
        room = rest.unwrap_or(room);
        rest.is_none()
    });
    let end = end.map_or(text.len(), |(end, _)| end);
    Cow::Owned(format!("{}{mark}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1"];
        let after_blanks =
            [" =1", "\u{a0}=1", "\u{feff}=1", " \u{3000}\u{feff}\0@SUM(A1)", "\u{2028}-1", "\"=1"];
        for formula in formulas.into_iter().chain(after_blanks) {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        for text in ["", " ", " a=1", "a=1", "'=1", "{\"a\":\"=1\"}", "ä", "a;b", "a -1", "\";a"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn no_separator_begins_a_formula() {
        for (text, safe) in [
            ("x;=cmd|' /C calc'!A0;y", "x;'=cmd|' /C calc'!A0;y"),
            ("x;;=1; -1;a", "x;;'=1;' -1;a"),
            ("x\t=1", "x\t'=1"),
            ("x|@SUM(A1)", "x|'@SUM(A1)"),
            ("x\n=1", "x\n'=1"),
            ("x\r\n\"=1", "x\r\n'\"=1"),
            ("\t=1", "'\t'=1"),
            ("\ra", "'\ra"),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }

    #[test]
    fn a_text_that_no_cell_can_hold_is_cut_and_marked() {
        let fits = "a".repeat(MAX_CELL);
        assert_eq!(cell(&fits), fits);
        for text in ["ä".repeat(MAX_CELL + 1), "😀".repeat(20_000), format!("={fits}")] {
            let cut = cell(&text);
            let units = cut.encode_utf16().count();
            assert!((MAX_CELL - 1..=MAX_CELL).contains(&units), "{units}");
            assert!(cut.ends_with(" characters]") && cut.contains("… [cut: "));
        }
    }
}
