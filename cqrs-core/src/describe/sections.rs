//! The tables of a description, for people.

use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;

use super::{Description, InjectedField, Location, MessageDescription, OptionsDescription};
use crate::message::MessageKind;

/// The items of one kind.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Row>,
}

/// One item, and where it is declared.
pub(super) struct Row {
    /// Each has any number of lines.
    pub(super) cells: Vec<Vec<String>>,
    pub(super) declared: Option<Location>,
}

/// The sections that are not empty.
pub(super) fn sections(description: &Description) -> Vec<Section> {
    let of_kind = |kind| description.messages.iter().filter(move |message| message.kind == kind);
    let handlers = description.handlers.iter().map(|handler| {
        let every = handler.every_event.then(|| "every event".to_owned());
        let cells = vec![
            vec![handler.name.clone(), handler.type_name.clone()],
            every.into_iter().chain(handler.handles.iter().cloned()).collect(),
            options(&handler.options),
            injects(&handler.dependencies),
        ];
        Row { cells, declared: Some(handler.declared.clone()) }
    });
    let services = description.services.iter().map(|service| {
        let type_name = vec![service.type_name.clone()];
        let cells = vec![type_name, service.offered_as.clone(), injects(&service.dependencies)];
        Row { cells, declared: Some(service.declared.clone()) }
    });
    let provided = description.provided.iter().map(|value| {
        undeclared(vec![vec![value.type_name.clone()], value.name.iter().cloned().collect()])
    });
    let modules = description.modules.iter().map(|module| {
        let counts = [module.messages, module.handlers, module.services].map(|it| it.to_string());
        let named = if module.named { "yes" } else { "no" }.to_owned();
        let cells = [module.path.clone()].into_iter().chain(counts).chain([named]);
        undeclared(cells.map(|cell| vec![cell]).collect())
    });
    let names = |names: &[String]| {
        names.iter().map(|name| undeclared(vec![vec![name.clone()]])).collect::<Vec<_>>()
    };

    let execution_columns = &["Name", "Type", "Output, error", "Handled by"];
    let event_columns = &["Name", "Type", "About", "Version", "Handled by"];
    let module_columns = &["Path", "Messages", "Handlers", "Services", "Named"];
    let mut sections = vec![
        section("Commands", execution_columns, of_kind(MessageKind::Command).map(execution)),
        section("Events", event_columns, of_kind(MessageKind::Event).map(event)),
        section("Queries", execution_columns, of_kind(MessageKind::Query).map(execution)),
        section("Handlers", &["Name, type", "Handles", "Options", "Injects"], handlers),
        section("Services", &["Type", "Offered as", "Injects"], services),
        section("Provided values", &["Type", "Name"], provided),
        section("Plugins", &["Name"], names(&description.plugins)),
        section("Middleware, outermost first", &["Type"], names(&description.middleware)),
        section("Modules", module_columns, modules),
    ];
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn section(
    title: &'static str,
    columns: &'static [&'static str],
    rows: impl IntoIterator<Item = Row>,
) -> Section {
    Section { title, columns, rows: rows.into_iter().collect() }
}

fn undeclared(cells: Vec<Vec<String>>) -> Row {
    Row { cells, declared: None }
}

fn execution(message: &MessageDescription) -> Row {
    let returns = [&message.output, &message.error].into_iter().flatten().cloned();
    message_row(message, [returns.collect()])
}

fn event(message: &MessageDescription) -> Row {
    let about = [&message.entity, &message.action].into_iter().flatten().cloned();
    let about = about.collect::<Vec<_>>().join(" ");
    message_row(message, [vec![about], vec![message.version.unwrap_or(1).to_string()]])
}

fn message_row<const N: usize>(message: &MessageDescription, cells: [Vec<String>; N]) -> Row {
    let handlers = match &message.handlers[..] {
        [] => vec!["no handler".to_owned()],
        handlers => handlers.to_vec(),
    };
    let names = [vec![message.name.clone()], vec![message.type_name.clone()]];
    let cells = names.into_iter().chain(cells).chain([handlers]).collect();
    Row { cells, declared: message.declared.clone() }
}

fn options(options: &OptionsDescription) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(retry) = &options.retry {
        let plural = if retry.attempts == 1 { "" } else { "s" };
        lines.push(format!("{} attempt{plural}", retry.attempts));
        if retry.attempts > 1 {
            lines.push(format!("back-off {} to {}", short(retry.backoff), short(retry.max)));
        }
    }
    lines.push(match options.timeout {
        Some(timeout) => format!("time-out {}", short(timeout)),
        None => "no time-out".to_owned(),
    });
    lines.extend(options.concurrency.map(|entities| format!("concurrency {entities}")));
    lines.extend(options.rate.iter().map(|rate| format!("rate {rate}")));
    lines.extend(options.breaker.iter().map(|breaker| {
        let cooldown = short(breaker.cooldown);
        format!("breaker after {} failures for {cooldown}", breaker.failures)
    }));
    lines.extend(options.batch.iter().map(|batch| {
        let across = if batch.across_tenants { ", across tenants" } else { "" };
        format!("batches of {}{across}", batch.max)
    }));
    lines
}

fn injects(fields: &[InjectedField]) -> Vec<String> {
    let line = |InjectedField { field, type_name, name }: &InjectedField| match name {
        Some(name) => format!("{field}: {type_name} named \"{name}\""),
        None => format!("{field}: {type_name}"),
    };
    fields.iter().map(line).collect()
}

/// `30s`, `1m 30s`.
fn short(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}
