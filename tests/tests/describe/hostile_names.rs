//! Names by hand may hold anything; every form stays what it is.

use std::collections::BTreeSet;

use cqrs_core::describe::{Description, Format};
use proptest::prelude::*;

use super::shop;

/// The shop, with names that a program by hand, or an edited file, may give.
fn renamed(names: &[String]) -> Description {
    let mut description = shop::app().build().expect("wired").describe();
    let mut names = names.iter().cycle().cloned();
    let mut next = || names.next().unwrap_or_default();
    for handler in &mut description.handlers {
        (handler.name, handler.type_name) = (next(), next());
        handler.declared.module = Some(next());
    }
    let handlers: Vec<_> = description.handlers.iter().map(|it| it.name.clone()).collect();
    for message in &mut description.messages {
        message.name = next();
        message.handlers.clone_from(&handlers);
    }
    description.plugins = vec![next()];
    description.middleware = vec![next()];
    for value in &mut description.provided {
        value.name = Some(next());
    }
    description
}

/// What can be proved of a graph without Mermaid: subgraphs end, each id is declared once and before it
/// is used, and labels hold nothing that could end them.
#[track_caller]
fn assert_well_formed(graph: &str) {
    let mut lines = graph.lines();
    assert_eq!(lines.next(), Some("flowchart LR"));
    let (mut declared, mut depth) = (BTreeSet::new(), 0);
    for line in lines.map(str::trim) {
        if line == "end" {
            depth -= 1;
        } else if let Some(arrow) = [" --> ", " -.-> "].iter().find(|arrow| line.contains(**arrow))
        {
            let (from, to) = line.split_once(*arrow).expect("just found");
            assert!(declared.contains(from) && declared.contains(to), "{line}");
        } else if let Some(class) = line.strip_prefix("class ") {
            assert!(declared.contains(class.trim_end_matches(" unhandled")), "{line}");
        } else if !line.starts_with("classDef ") {
            depth += i32::from(line.starts_with("subgraph "));
            let node = line.trim_start_matches("subgraph ");
            let id = node.split(['[', '(', '{']).next().expect("a first part");
            assert!(id.chars().all(|it| it.is_ascii_alphanumeric() || it == '_'), "{line}");
            assert!(declared.insert(id), "{id} is declared twice");
            let parts: Vec<_> = node.split('"').collect();
            assert_eq!(parts.len(), 3, "one label: {line}");
            assert!(!parts[1].trim().is_empty(), "Mermaid takes no empty label: {line}");
            assert!(!parts[1].contains(['<', '>', '`', '%', '\\', '&']), "{line}");
        }
        assert!((0..=1).contains(&depth), "{line}");
    }
    assert_eq!(depth, 0, "each subgraph ends");
}

fn assert_forms_hold(description: &Description) {
    assert_well_formed(&description.render(Format::Mermaid));
    let page = description.render(Format::Markdown);
    assert!(!page.contains(|it: char| it.is_control() && it != '\n'), "{page:?}");
    let lists = page.split("```").last().expect("what follows the graph");
    for line in lists.lines().filter(|line| !line.is_empty()) {
        assert!(["## ", "- ", "  - "].iter().any(|begin| line.starts_with(begin)), "{line}");
        assert_eq!(line.matches('`').count() % 2, 0, "each span of code ends: {line}");
        let outside: String = line.split('`').step_by(2).collect();
        let html = outside.replace("<code>", "").replace("</code>", "");
        assert!(!html.contains(['<', '>', '[', '\\', '*']), "only code shows names: {line}");
    }
    let read: Description =
        serde_json::from_str(&description.render(Format::Json)).expect("it is JSON");
    assert_eq!(&read, description);
}

#[test]
fn a_graph_is_well_formed() {
    assert_well_formed(&shop::app().build().expect("wired").describe().render(Format::Mermaid));
}

#[test]
fn names_that_mean_something_elsewhere_mean_nothing_here() {
    let names = [
        "end",
        "a\"]",
        "`x`",
        "a|b",
        "a\\|b",
        "a\nb",
        "\u{1b}[31mred",
        "%%{init: {}}%%",
        "",
        " ",
        "a.b",
        "a-b",
        "a_b",
        "<script>",
        "#35;",
        "日本",
        "]]",
        "--> x",
        "class x",
        "[x](y)",
    ];
    assert_forms_hold(&renamed(&names.map(str::to_owned)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_names_leave_every_form_as_it_is(names in prop::collection::vec(any::<String>(), 1..20)) {
        assert_forms_hold(&renamed(&names));
    }
}
