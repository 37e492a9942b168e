//! A description as Markdown.

use std::fmt::Write as _;

use super::sections::{Line, Section, sections};
use super::table::one_line;
use super::{Description, Place};

pub(super) fn render(description: &Description) -> String {
    let mut text = format!("# Map of the application\n\n{}.\n", description.summary());
    let graph = description.to_mermaid();
    let _ = write!(text, "\n## Who reacts to what\n\n```mermaid\n{graph}```\n");
    for section in sections(description) {
        push_section(&mut text, &section);
    }
    text
}

fn push_section(text: &mut String, section: &Section) {
    let _ = writeln!(text, "\n## {}\n", section.title);
    let is_declared = section.rows.iter().any(|row| row.declared.is_some());
    let mut titles = section.columns.clone();
    if is_declared {
        titles.push("Declared at");
    }
    let _ = writeln!(text, "| {} |\n|{}", titles.join(" | "), "---|".repeat(titles.len()));
    for row in &section.rows {
        let mut cells: Vec<_> = row.cells.iter().map(|cell| join(cell)).collect();
        if is_declared {
            cells.push(row.declared.as_ref().map(declared_at).unwrap_or_default());
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

fn declared_at(place: &Place) -> String {
    let module = place.module.as_deref().map_or("registered by hand".to_owned(), code);
    format!("{}<br>{module}", code(&place.to_string()))
}

fn join(lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| match line {
        Line::Code(line) => code(line),
        Line::Text(line) => entities(line),
    });
    lines.collect::<Vec<_>>().join("<br>")
}

/// Code as people write it, or as HTML where a cell of a table could not hold it.
fn code(text: &str) -> String {
    let is_plain = !text.contains(['`', '|', '\\']) && text.trim() == text && !text.is_empty();
    if is_plain && !text.contains(char::is_control) {
        return format!("`{text}`");
    }
    format!("<code>{}</code>", entities(text))
}

/// Text without a meaning in Markdown or HTML.
fn entities(text: &str) -> String {
    let mut encoded = String::new();
    for character in one_line(text).chars() {
        if character.is_alphanumeric() || " .,:-/\"".contains(character) {
            encoded.push(character);
        } else {
            let _ = write!(encoded, "&#{};", u32::from(character));
        }
    }
    encoded
}
