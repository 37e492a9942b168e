//! A description as tables for a terminal.

use std::fmt::Write as _;

use super::Description;
use super::sections::{Line, Row, Section, sections};

pub(super) fn render(description: &Description) -> String {
    let mut text = description.summary();
    text.push('\n');
    for section in sections(description) {
        push_section(&mut text, &section);
    }
    text
}

/// Where something is declared gets a line of its own, so that a long path widens no column.
fn push_section(text: &mut String, section: &Section) {
    let _ = writeln!(text, "\n{} ({})", section.title.to_uppercase(), section.rows.len());
    let rows: Vec<Vec<Vec<String>>> = section.rows.iter().map(printable).collect();
    let widths: Vec<usize> = section
        .columns
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let lines = rows.iter().filter_map(|row| row.get(column)).flatten();
            lines.map(|line| width(line)).chain([width(title)]).max().unwrap_or_default()
        })
        .collect();

    let titles = section.columns.iter().map(|title| title.to_uppercase());
    push_line(text, &widths, titles);
    for (row, cells) in section.rows.iter().zip(&rows) {
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..height {
            let line = cells.iter().map(|cell| cell.get(line).cloned().unwrap_or_default());
            push_line(text, &widths, line);
        }
        if let Some(declared) = &row.declared {
            let _ = write!(text, "    {}", one_line(&declared.to_string()));
            let module = declared.module.as_deref().map(one_line);
            let _ = match module {
                Some(module) => writeln!(text, " in {module}"),
                None => writeln!(text, ", registered by hand"),
            };
        }
    }
}

fn push_line(text: &mut String, widths: &[usize], cells: impl Iterator<Item = String>) {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        let _ = write!(line, "  {cell:width$}");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn printable(row: &Row) -> Vec<Vec<String>> {
    let print = |line: &Line| match line {
        Line::Code(line) | Line::Text(line) => one_line(line),
    };
    row.cells.iter().map(|cell| cell.iter().map(print).collect()).collect()
}

/// Names by hand may hold anything; a terminal shall not act on it.
pub(super) fn one_line(text: &str) -> String {
    let escape = |character: char| match character {
        character if character.is_control() => character.escape_default().to_string(),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}

/// In characters, as the formatting macros pad.
fn width(text: &str) -> usize {
    text.chars().count()
}
