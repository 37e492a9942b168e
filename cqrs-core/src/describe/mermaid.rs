//! A description as a Mermaid flow chart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::table::escaped;
use super::{Description, Location, MessageDescription};
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
    let mut groups: BTreeMap<(bool, &str), Vec<String>> = BTreeMap::new();
    let mut handlers = BTreeMap::new();
    let (mut edges, mut unhandled) = (Vec::new(), Vec::new());

    let has_every = description.handlers.iter().any(|handler| handler.every_event);
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
            unhandled.push(id);
        }
    }
    edges.sort_unstable();

    let mut chart = "flowchart LR\n".to_owned();
    if has_every {
        chart.push_str("    every_event([\"every event\"]):::event\n");
    }
    for ((_, title), mut nodes) in groups {
        let (id, title) = (ids.unique("module", title), label(title));
        let _ = writeln!(chart, "    subgraph {id}[\"{title}\"]");
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

/// A subgraph for each module, and one at the end for what is in no module.
fn group(declared: Option<&Location>) -> (bool, &str) {
    match declared.and_then(|place| place.module.as_deref()) {
        Some(module) => (false, module),
        None => (true, "registered by hand"),
    }
}

/// Ids of nodes. They are made from stable names, so they are stable too.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn unique(&mut self, prefix: &str, name: &str) -> String {
        let word =
            |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
        let id = format!("{prefix}_{}", name.chars().map(word).collect::<String>());
        let mut unique = id.clone();
        // Two names may differ only in punctuation.
        for number in 2_u64.. {
            if self.0.insert(unique.clone()) {
                break;
            }
            unique = format!("{id}__{number}");
        }
        unique
    }
}

fn label(text: &str) -> String {
    if text.trim().is_empty() {
        // Mermaid does not accept an empty label.
        return "unnamed".to_owned();
    }
    escaped(text, " .-_:", "#")
}
