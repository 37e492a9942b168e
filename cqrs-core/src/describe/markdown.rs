//! A description as Markdown: lists, which also read well in a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;

use super::{
    Description, HandlerDescription, InjectedField, Location, MessageDescription,
    OptionsDescription, ServiceDescription, count, escaped, mermaid, one_line,
};
use crate::handler::{DeadLetters, Order, Start};
use crate::message::MessageKind;

pub(super) fn render(description: &Description) -> String {
    let of_kind = |kind| {
        let messages = description.messages.iter().filter(|message| message.kind == kind);
        messages.map(message).collect::<Vec<_>>()
    };
    let names = |names: &[String]| names.iter().map(|name| item(&code(name), None, &[])).collect();
    let provided = description.provided.iter();
    let provided =
        provided.map(|value| item(&named(&value.type_name, value.name.as_deref()), None, &[]));
    let modules = description.modules.iter().map(|module| {
        let note = if module.named { "named" } else { "not named" };
        item(&format!("{}: {note}", code(&module.path)), None, &[])
    });
    let sections = [
        ("Commands", of_kind(MessageKind::Command)),
        ("Events", of_kind(MessageKind::Event)),
        ("Queries", of_kind(MessageKind::Query)),
        ("Handlers", description.handlers.iter().map(handler).collect()),
        ("Services", description.services.iter().map(service).collect()),
        ("Provided values", provided.collect()),
        ("Plugins", names(&description.plugins)),
        ("Middleware, outermost first", names(&description.middleware)),
        ("Middleware around publishing", names(&description.publish_middleware)),
        ("Modules", modules.collect()),
    ];

    let mut page = format!("# Map of the application\n\n{}.\n", description.summary());
    let graph = mermaid::render(description);
    let _ = write!(page, "\n## Messages and their handlers\n\n```mermaid\n{graph}```\n");
    for (title, items) in sections.iter().filter(|(_, items)| !items.is_empty()) {
        let _ = write!(page, "\n## {title}\n\n{}", items.concat());
    }
    page
}

fn message(message: &MessageDescription) -> String {
    let about = [&message.entity, &message.action].into_iter().flatten().cloned();
    let about = about.collect::<Vec<_>>().join(" ");
    let handlers = match &message.handlers[..] {
        [] => "no handler".to_owned(),
        handlers => codes(handlers),
    };
    let requires = match message.requires.as_deref() {
        None => String::new(),
        Some([]) => "no permission".to_owned(),
        Some(permissions) => codes(permissions),
    };
    let facts = [
        ("about", if about.is_empty() { about } else { code(&about) }),
        ("version", message.version.map(|it| it.to_string()).unwrap_or_default()),
        ("output", codes(message.output.as_slice())),
        ("error", codes(message.error.as_slice())),
        ("requires", requires),
        ("handled by", handlers),
    ];
    item(&name_and_type(&message.name, &message.type_name), message.declared.as_ref(), &facts)
}

fn handler(handler: &HandlerDescription) -> String {
    let messages =
        if handler.every_event { "every event".to_owned() } else { codes(&handler.handles) };
    let facts = [
        ("handles", messages),
        ("options", options(&handler.options)),
        ("injects", injects(&handler.dependencies)),
        ("emits", codes(&handler.emits)),
        ("emits without declaring it", codes(handler.undeclared_emissions())),
    ];
    item(&name_and_type(&handler.name, &handler.type_name), Some(&handler.declared), &facts)
}

fn service(service: &ServiceDescription) -> String {
    let facts =
        [("offered as", codes(&service.offered_as)), ("injects", injects(&service.dependencies))];
    item(&code(&service.type_name), Some(&service.declared), &facts)
}

/// One thing, where it is declared, and what else is known about it.
fn item(title: &str, declared: Option<&Location>, facts: &[(&str, String)]) -> String {
    let mut text = format!("- {title}");
    if let Some(declared) = declared {
        let _ = write!(text, " at {} ", code(&declared.to_string()));
        text += &declared
            .module
            .as_deref()
            .map_or("registered by hand".to_owned(), |module| format!("in {}", code(module)));
    }
    text.push('\n');
    for (label, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let _ = writeln!(text, "  - {label}: {fact}");
    }
    text
}

fn name_and_type(name: &str, type_name: &str) -> String {
    format!("{} ({})", code(name), code(type_name))
}

fn named(what: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{} named {}", code(what), code(name)),
        None => code(what),
    }
}

fn injects(fields: &[InjectedField]) -> String {
    let fields = fields.iter().map(|InjectedField { field, type_name, name }| {
        named(&format!("{field}: {type_name}"), name.as_deref())
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn options(options: &OptionsDescription) -> String {
    let mut parts = Vec::new();
    if let Some(retry) = &options.retry {
        parts.push(count(retry.attempts(), "attempt", "attempts"));
        if retry.attempts() > 1 {
            parts.push(retry.to_string());
        }
    }
    parts.push(match options.timeout {
        Some(timeout) => format!("time-out {}", short(timeout)),
        None => "no time-out".to_owned(),
    });
    if !options.never_retried.is_empty() {
        parts.push(format!("never after {}", codes(&options.never_retried)));
    }
    parts.extend(options.deliver_within.map(|age| format!("deliver within {}", short(age))));
    match options.dead_letters {
        Some(DeadLetters::Discard) => parts.push("dead letters `discard`".to_owned()),
        Some(DeadLetters::Block) => parts.push("dead letters `block`".to_owned()),
        Some(DeadLetters::Keep) | None => {}
    }
    parts.extend(options.concurrency.map(|entities| format!("concurrency {entities}")));
    match options.order {
        Some(Order::Tenant) => parts.push("order `tenant`".to_owned()),
        Some(Order::None) => parts.push("order `none`".to_owned()),
        Some(Order::Key) | None => {}
    }
    parts.extend(options.rate.as_deref().map(|rate| format!("rate {}", code(rate))));
    parts.extend(options.breaker.map(|breaker| {
        let cooldown = short(breaker.cooldown);
        let count = if breaker.counts_all { ", count `all`" } else { "" };
        format!("breaker after {} failures for {cooldown}{count}", breaker.failures)
    }));
    parts.extend(options.batch.map(|batch| {
        let across = if batch.across_tenants { ", across tenants" } else { "" };
        format!("batches of {}{across}", batch.max)
    }));
    parts.extend(options.transactional.then(|| "transactional".to_owned()));
    parts.extend(options.transient.then(|| "transient".to_owned()));
    if options.start == Some(Start::Beginning) {
        parts.push("start `beginning`".to_owned());
    }
    parts.join(", ")
}

/// `30s`, `1m 30s`.
fn short(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}

fn codes<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

/// A code span, or HTML where the text could not be in one.
fn code(text: &str) -> String {
    if text.is_empty() || text.contains('`') {
        format!("<code>{}</code>", escaped(text, "&#"))
    } else {
        format!("`{}`", one_line(text))
    }
}
