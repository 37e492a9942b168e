//! A description as a Mermaid flow chart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Description, Location, MessageDescription, escaped};
use crate::message::MessageKind;

/// A colour for each kind, and dashes for an event without a handler. The text is dark, so that it can be
/// read on light and on dark pages.
const CLASSES: &str = "    \
    classDef command fill:#cfe2ff,stroke:#4a7ab5,color:#111\n    \
    classDef event fill:#ffe3bf,stroke:#b57b32,color:#111\n    \
    classDef query fill:#d3ecd5,stroke:#4f8a54,color:#111\n    \
    classDef handler fill:#f4f4f4,stroke:#777,color:#111\n    \
    classDef unhandled stroke-dasharray:5 4\n";

pub(super) fn render(description: &Description) -> String {
    let mut ids = Ids::default();
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut handlers, mut messages) = (BTreeMap::new(), BTreeMap::new());
    // Without named modules, the modules of a crate would all be in one box.
    let is_named = description.modules.iter().any(|module| module.named);
    let group = |declared| if is_named { description.part_of(declared) } else { module(declared) };
    let group = |declared| group(declared).unwrap_or("registered by hand");
    let (mut edges, mut unhandled) = (Vec::new(), Vec::new());
    let mut chart = "flowchart LR\n".to_owned();

    if description.handlers.iter().any(|handler| handler.every_event) {
        chart.push_str("    every_event([\"every event\"]):::event\n");
    }
    for handler in &description.handlers {
        let id = ids.unique("handler", &handler.name);
        let node = format!("{id}[[\"{}\"]]:::handler", label(&handler.name));
        groups.entry(group(Some(&handler.declared))).or_default().push(node);
        if handler.every_event {
            edges.push(format!("every_event -.-> {id}"));
        }
        handlers.insert(handler.name.as_str(), id);
    }
    for message in &description.messages {
        let id = ids.unique(&message.kind.to_string(), &message.name);
        let node = node(&id, message);
        groups.entry(group(message.declared.as_ref())).or_default().push(node);
        // A description that was edited may name handlers that it does not contain.
        let handlers = message.handlers.iter().filter_map(|it| handlers.get(it.as_str()));
        edges.extend(handlers.map(|handler| format!("{id} --> {handler}")));
        if message.kind == MessageKind::Event && message.handlers.is_empty() {
            unhandled.push(id.clone());
        }
        messages.insert(message.name.as_str(), id);
    }
    for handler in &description.handlers {
        let emits = handler.emits.iter().filter_map(|it| messages.get(it.as_str()));
        edges.extend(
            emits.map(|message| format!("{} --> {message}", handlers[handler.name.as_str()])),
        );
    }
    edges.sort_unstable();

    for (title, mut nodes) in groups {
        let _ =
            writeln!(chart, "    subgraph {}[\"{}\"]", ids.unique("module", title), label(title));
        nodes.sort_unstable();
        for node in nodes {
            let _ = writeln!(chart, "        {node}");
        }
        chart.push_str("    end\n");
    }
    for edge in edges {
        let _ = writeln!(chart, "    {edge}");
    }
    chart.push_str(CLASSES);
    for id in unhandled {
        let _ = writeln!(chart, "    class {id} unhandled");
    }
    chart
}

/// A shape for each kind.
fn node(id: &str, message: &MessageDescription) -> String {
    let label = label(&message.name);
    let kind = message.kind;
    match kind {
        MessageKind::Command => format!("{id}[\"{label}\"]:::{kind}"),
        MessageKind::Query => format!("{id}{{{{\"{label}\"}}}}:::{kind}"),
        MessageKind::Event => format!("{id}([\"{label}\"]):::{kind}"),
    }
}

/// The Rust module; `None` for what is registered by hand.
fn module(declared: Option<&Location>) -> Option<&str> {
    declared.and_then(|place| place.module.as_deref())
}

/// Ids of nodes. They are made from stable names, so they are stable too.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn unique(&mut self, prefix: &str, name: &str) -> String {
        let mut id = format!("{prefix}_{name}");
        id = id.replace(|character: char| !character.is_ascii_alphanumeric(), "_");
        // Names may differ in punctuation alone.
        while !self.0.insert(id.clone()) {
            id.push('_');
        }
        id
    }
}

fn label(text: &str) -> String {
    if text.trim().is_empty() {
        // Mermaid does not accept an empty label.
        return "unnamed".to_owned();
    }
    escaped(text, "#")
}
