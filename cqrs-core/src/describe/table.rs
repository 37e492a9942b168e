//! A description as tables: for a terminal, and in Markdown.

use std::fmt::Write as _;

use super::sections::{Row, Section, sections};
use super::{Description, Location, mermaid};

pub(super) fn to_text(description: &Description) -> String {
    let mut text = format!("{}\n", description.summary());
    for section in sections(description) {
        push_text(&mut text, &section);
    }
    text
}

fn push_text(text: &mut String, Section { title, columns, rows }: &Section) {
    let _ = writeln!(text, "\n{} ({})", title.to_uppercase(), rows.len());
    let titles = vec![columns.iter().map(|title| title.to_uppercase()).collect()];
    let tables: Vec<Vec<Vec<String>>> =
        [titles].into_iter().chain(rows.iter().map(lines)).collect();
    // In characters, because the formatting macros count characters.
    let width = |column: usize| {
        let cells = tables.iter().flatten().map(|line| line[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns.len()).map(width).collect();

    let declared = [None].into_iter().chain(rows.iter().map(|row| row.declared.as_ref()));
    for (lines, declared) in tables.iter().zip(declared) {
        for cells in lines {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:width$}"));
            let _ = writeln!(text, "{}", padded.collect::<String>().trim_end());
        }
        // On its own line, so that a long path does not widen a column.
        if let Some(place) = declared {
            let _ = writeln!(text, "    {}", one_line(&format!("{place} {}", origin(place))));
        }
    }
}

/// The lines of a row, each with all columns.
fn lines(row: &Row) -> Vec<Vec<String>> {
    let height = row.cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |line: usize| {
        let cells = row.cells.iter().map(move |cell| cell.get(line));
        cells.map(|text| text.map(|text| one_line(text)).unwrap_or_default()).collect()
    };
    (0..height).map(line).collect()
}

fn origin(Location { module, .. }: &Location) -> String {
    match module {
        Some(module) => format!("in {module}"),
        None => "registered by hand".to_owned(),
    }
}

pub(super) fn to_markdown(description: &Description) -> String {
    let mut text = format!("# Map of the application\n\n{}.\n", description.summary());
    let graph = mermaid::render(description);
    let _ = write!(text, "\n## Messages and their handlers\n\n```mermaid\n{graph}```\n");
    for Section { title, columns, rows } in sections(description) {
        let _ = writeln!(text, "\n## {title}\n");
        let mut columns = columns.to_vec();
        if rows.iter().any(|row| row.declared.is_some()) {
            columns.push("Declared at");
        }
        let _ = writeln!(text, "| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
        for Row { mut cells, declared } in rows {
            cells.push(declared.iter().flat_map(|it| [it.to_string(), origin(it)]).collect());
            cells.truncate(columns.len());
            let cells = cells
                .iter()
                .map(|cell| cell.iter().map(|line| code(line)).collect::<Vec<_>>().join("<br>"));
            let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

/// Code in Markdown, or in HTML if a table cell cannot hold Markdown code.
fn code(text: &str) -> String {
    let is_plain = !text.contains(['`', '|', '\\']) && text.trim() == text;
    match text {
        "" => String::new(),
        text if is_plain && !text.contains(char::is_control) => format!("`{text}`"),
        text => format!("<code>{}</code>", escaped(text, " .,:-/\"", "&#")),
    }
}

/// The text, with all characters except letters, digits and `plain` as numbers, so that none of them is
/// markup in Markdown, HTML or Mermaid.
pub(super) fn escaped(text: &str, plain: &str, number: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        if character.is_alphanumeric() || plain.contains(character) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "{number}{};", u32::from(character));
        }
    }
    escaped
}

/// Names that are written by hand may contain control characters; the terminal must not interpret them.
fn one_line(text: &str) -> String {
    let escape = |character: char| match character {
        character if character.is_control() => character.escape_default().to_string(),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}
