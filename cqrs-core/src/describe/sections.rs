//! The sections of a description, for the forms that show them as tables.

use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;

use super::{
    BatchDescription, BreakerDescription, Description, HandlerDescription, InjectedField,
    MessageDescription, OptionsDescription, Place,
};
use crate::message::MessageKind;

/// Things of one kind.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// One thing, and where it is declared.
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) declared: Option<Place>,
}

/// The lines of a cell.
pub(super) type Cell = Vec<Line>;

pub(super) enum Line {
    /// A name or a type.
    Code(String),
    /// Words.
    Text(String),
}

/// The sections that are not empty.
pub(super) fn sections(description: &Description) -> Vec<Section> {
    let all = [
        executions(description, MessageKind::Command, "Commands"),
        events(description),
        executions(description, MessageKind::Query, "Queries"),
        handlers(description),
        services(description),
        provided(description),
        names("Plugins", "Name", &description.plugins),
        names("Middleware, outermost first", "Type", &description.middleware),
        modules(description),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

fn executions(description: &Description, kind: MessageKind, title: &'static str) -> Section {
    let row = |message: &MessageDescription| {
        let returns = [&message.output, &message.error].into_iter().flatten();
        let cells = vec![
            vec![code(&message.name)],
            vec![code(&message.type_name)],
            returns.map(|it| code(it)).collect(),
            handled_by(message),
        ];
        Row { cells, declared: message.declared.clone() }
    };
    let messages = description.messages.iter().filter(|message| message.kind == kind);
    Section {
        title,
        columns: vec!["Name", "Type", "Output, error", "Handled by"],
        rows: messages.map(row).collect(),
    }
}

fn events(description: &Description) -> Section {
    let row = |event: &MessageDescription| {
        let about = [&event.entity, &event.action].into_iter().flatten().cloned();
        let about = about.collect::<Vec<_>>().join(" ");
        let cells = vec![
            vec![code(&event.name)],
            vec![code(&event.type_name)],
            if about.is_empty() { Vec::new() } else { vec![text(about)] },
            vec![text(event.version.unwrap_or(1).to_string())],
            handled_by(event),
        ];
        Row { cells, declared: event.declared.clone() }
    };
    let events = description.messages.iter().filter(|message| message.kind == MessageKind::Event);
    Section {
        title: "Events",
        columns: vec!["Name", "Type", "About", "Version", "Handled by"],
        rows: events.map(row).collect(),
    }
}

fn handled_by(message: &MessageDescription) -> Cell {
    if message.handlers.is_empty() {
        return vec![text("nobody".to_owned())];
    }
    message.handlers.iter().map(|it| code(it)).collect()
}

fn handlers(description: &Description) -> Section {
    let row = |handler: &HandlerDescription| {
        let every = handler.every_event.then(|| text("every event".to_owned()));
        let handles = every.into_iter().chain(handler.handles.iter().map(|it| code(it)));
        let cells = vec![
            vec![code(&handler.name), code(&handler.type_name)],
            handles.collect(),
            options(&handler.options),
            injects(&handler.dependencies),
        ];
        Row { cells, declared: Some(handler.declared.clone()) }
    };
    Section {
        title: "Handlers",
        columns: vec!["Name, type", "Handles", "Options", "Injects"],
        rows: description.handlers.iter().map(row).collect(),
    }
}

fn options(options: &OptionsDescription) -> Cell {
    let mut lines = Vec::new();
    if let Some(retry) = &options.retry {
        lines.push(text(match retry.attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        }));
        if retry.attempts > 1 {
            let (backoff, max) = (duration(retry.backoff), duration(retry.max));
            lines.push(text(format!("back-off {backoff} to {max}")));
        }
    }
    lines.push(text(match options.timeout {
        Some(timeout) => format!("time-out {}", duration(timeout)),
        None => "no time-out".to_owned(),
    }));
    if let Some(concurrency) = options.concurrency {
        lines.push(text(format!("concurrency {concurrency}")));
    }
    if let Some(rate) = &options.rate {
        lines.push(text(format!("rate {rate}")));
    }
    if let Some(BreakerDescription { failures, cooldown }) = &options.breaker {
        let cooldown = duration(*cooldown);
        lines.push(text(format!("breaker after {failures} failures for {cooldown}")));
    }
    if let Some(BatchDescription { max, across_tenants }) = &options.batch {
        let mut parts = vec![format!("batches of {max}")];
        if *across_tenants {
            parts.push("across tenants".to_owned());
        }
        lines.push(text(parts.join(", ")));
    }
    lines
}

fn injects(fields: &[InjectedField]) -> Cell {
    let line = |InjectedField { field, type_name, name }: &InjectedField| {
        code(&match name {
            Some(name) => format!("{field}: {type_name} named \"{name}\""),
            None => format!("{field}: {type_name}"),
        })
    };
    fields.iter().map(line).collect()
}

fn services(description: &Description) -> Section {
    let rows = description.services.iter().map(|service| {
        let cells = vec![
            vec![code(&service.type_name)],
            service.offered_as.iter().map(|it| code(it)).collect(),
            injects(&service.dependencies),
        ];
        Row { cells, declared: Some(service.declared.clone()) }
    });
    Section {
        title: "Services",
        columns: vec!["Type", "Offered as", "Injects"],
        rows: rows.collect(),
    }
}

fn provided(description: &Description) -> Section {
    let rows = description.provided.iter().map(|value| {
        let name = value.name.iter().map(|it| code(it)).collect();
        Row { cells: vec![vec![code(&value.type_name)], name], declared: None }
    });
    Section { title: "Provided values", columns: vec!["Type", "Name"], rows: rows.collect() }
}

fn names(title: &'static str, column: &'static str, names: &[String]) -> Section {
    let row = |name: &String| Row { cells: vec![vec![code(name)]], declared: None };
    Section { title, columns: vec![column], rows: names.iter().map(row).collect() }
}

fn modules(description: &Description) -> Section {
    let rows = description.modules.iter().map(|module| {
        let counts = [module.messages, module.handlers, module.services];
        let counts = counts.map(|count| vec![text(count.to_string())]);
        let named = vec![text(if module.named { "yes" } else { "no" }.to_owned())];
        let cells = [vec![code(&module.path)]].into_iter().chain(counts).chain([named]);
        Row { cells: cells.collect(), declared: None }
    });
    Section {
        title: "Modules",
        columns: vec!["Path", "Messages", "Handlers", "Services", "Named"],
        rows: rows.collect(),
    }
}

fn code(text: &str) -> Line {
    Line::Code(text.to_owned())
}

fn text(text: String) -> Line {
    Line::Text(text)
}

/// As people write it: `30s`, `1m 30s`.
fn duration(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}
