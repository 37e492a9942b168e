//! `describe` and `check`, as they are called from a shell and from CI.

use std::process::{Command, Output};

use cqrs_core::describe::{Description, Format};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command.args(arguments);
    command
}

fn quickstart(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

/// The printed text. Asserts that the program succeeded.
#[track_caller]
fn printed(output: Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// The fenced blocks of the documentation in this language.
fn documented(language: &str) -> Vec<&'static str> {
    let page = include_str!("../../../docs/describe.md");
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1).map_while(|it| it.split_once("```"));
    blocks.map(|(block, _)| block).collect()
}

/// Removes line numbers, because lines move.
fn without_line_numbers(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + ".rs:" + part.trim_start_matches(|it: char| it.is_ascii_digit())
    })
}

#[test]
fn check_says_in_one_line_that_everything_is_wired() {
    let summary = printed(quickstart(&["check"]));
    assert_eq!(summary.lines().count(), 1);
    assert!(
        documented("console").concat().contains(&summary),
        "docs/describe.md needs:\n{summary}"
    );
}

#[test]
fn the_graph_is_the_one_that_the_documentation_shows() {
    let graph = printed(quickstart(&["describe", "--format", "mermaid"]));
    assert_eq!(documented("mermaid"), [graph]);
}

#[test]
fn the_lists_have_what_the_documentation_shows() {
    let lists = without_line_numbers(&printed(quickstart(&["describe"])));
    for section in without_line_numbers(documented("markdown")[0]).split("...\n") {
        assert!(
            lists.contains(section),
            "docs/describe.md shows this:\n{section}\nand it is:\n{lists}"
        );
    }
}

#[test]
fn json_and_markdown_are_for_tools_and_pages() {
    let json = printed(quickstart(&["describe", "--format", "json"]));
    let description: Description = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        description.render(Format::Markdown),
        printed(quickstart(&["describe", "--format", "markdown"]))
    );
    assert_eq!(description.unhandled_events().count(), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    drop(reader);
    let output = command(&["describe"]).stdout(writer).output().expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = command(&["describe"]).stdout(full).output().expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with("cannot write to standard output: "), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_not_understood_is_explained() {
    let output = quickstart(&["describe", "--format", "xml"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("[possible values: markdown, mermaid, json]"), "{error}");
}

#[test]
fn a_file_of_that_name_is_still_a_file() {
    let output = quickstart(&["./describe"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with("error: cannot read ./describe: "), "{error}");
}
