//! Each form of the description, as people and tools read it.

use cqrs_core::describe::{Description, Format};

use super::shop;

fn description() -> Description {
    shop::app().build().expect("wired").describe()
}

/// Without the numbers of lines, so that a new line in the shop changes no snapshot; `content` tests
/// that the numbers are right.
fn without_lines(text: &str) -> String {
    ["shop.rs:", "\"line\": "].iter().fold(text.to_owned(), |text, mark| {
        let mut parts = text.split(mark);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            text + mark + "0" + rest
        })
    })
}

#[test]
fn a_mermaid_graph_shows_who_reacts_to_what() {
    insta::assert_snapshot!(description().render(Format::Mermaid));
}

#[test]
fn markdown_holds_the_graph_and_lists_that_read_well_in_a_terminal() {
    let page = description().render(Format::Markdown);
    insta::assert_snapshot!(without_lines(&page));
    assert!(page.lines().all(|line| line.trim_end() == line), "no spaces at the end of a line");
}

#[test]
fn json_is_for_tools_and_reads_back_as_the_same_description() {
    let json = description().render(Format::Json);
    insta::assert_snapshot!(without_lines(&json));
    let read: Description = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(read, description());
}

#[test]
fn no_form_shows_what_is_in_a_provided_value() {
    for format in [Format::Markdown, Format::Mermaid, Format::Json] {
        let text = description().render(format);
        assert!(!text.contains("s3cret"), "{text}");
        assert!(!text.contains("shop@shop.example"), "{text}");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "one line break at the end");
    }
}
