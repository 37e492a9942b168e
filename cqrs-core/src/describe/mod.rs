//! A map of an application: what it consists of, and which handler reacts to which message.
//!
//! [`App::describe`](crate::App::describe) gives a [`Description`]: a plain value that serialises, and
//! that reads as Markdown, as a Mermaid graph or as JSON. Everything in it is sorted by name, so that two
//! of them can be compared line by line.

mod cycles;
mod from_app;
mod markdown;
mod mermaid;
mod parts;

use std::fmt::{Display, Write as _};

use serde::{Deserialize, Serialize};

use crate::app::{App, Wired};
use crate::message::MessageKind;

pub use self::cycles::{ModuleCycle, ModuleDependency};
pub use self::parts::{
    Emission, HandlerDescription, InjectedField, Location, MessageDescription, ModuleDescription,
    OptionsDescription, ProvidedValue, ServiceDescription,
};

/// The form in which a [`Description`] is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Format {
    /// Markdown with lists for a terminal, and with the graph for GitHub.
    #[default]
    Markdown,
    /// A [Mermaid](https://mermaid.js.org) flow chart of messages and their handlers, one box for each named module.
    Mermaid,
    /// JSON, for tools.
    Json,
}

/// What an application consists of: every message, handler, service, provided value, plugin,
/// middleware and module.
///
/// ```standalone_crate
/// use cqrs_core::describe::{Description, Format};
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct TaskCreated { task_id: u64 }
///
/// #[events_handler(TaskCreated)]
/// struct NotifyManagers;
///
/// impl EventHandler<TaskCreated> for NotifyManagers {
///     async fn handle(&self, _: &TaskCreated, _: &Context) -> HandlerResult { Ok(()) }
/// }
///
/// let description = App::builder().build()?.describe();
/// assert_eq!(description.messages[0].handlers, ["notify-managers"]);
///
/// println!("{}", description.render(Format::Markdown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// Commands, events and queries, by stable name.
    pub messages: Vec<MessageDescription>,
    /// Handlers, by stable name.
    pub handlers: Vec<HandlerDescription>,
    /// Services that the application builds, by type.
    pub services: Vec<ServiceDescription>,
    /// Values that were provided, by type and name, without their content.
    pub provided: Vec<ProvidedValue>,
    /// Plugins, in the order in which they start.
    pub plugins: Vec<String>,
    /// The types of the middleware, outermost first: each call passes through it in this order.
    #[serde(default)]
    pub middleware: Vec<String>,
    /// The types of the middleware around publishing, outermost first.
    #[serde(default)]
    pub publish_middleware: Vec<String>,
    /// Rust modules that contribute something, by path.
    pub modules: Vec<ModuleDescription>,
}

impl App {
    /// What the application consists of, as it was wired. See [`describe`](crate::describe).
    pub fn describe(&self) -> Description {
        Description::of(self.wired())
    }
}

impl Description {
    pub(crate) fn of(wired: &Wired) -> Self {
        from_app::describe(wired)
    }

    /// Adds what handlers emit to what their annotations [declare](HandlerDescription::declares): the map then has an arrow
    /// from each handler to what it publishes and executes, and [`module_cycles`](Self::module_cycles) counts it. A handler
    /// that is not in the description is ignored.
    ///
    /// [`TestApp::observed_emissions`](crate::testing::TestApp::observed_emissions) knows what was emitted in a test.
    #[must_use]
    pub fn with_emissions(mut self, emissions: impl IntoIterator<Item = Emission>) -> Self {
        for Emission { handler, message } in emissions {
            let handlers = self.handlers.iter_mut();
            for it in handlers.filter(|it| it.name == handler && !it.emits.contains(&message)) {
                it.emits.push(message.clone());
                it.emits.sort_unstable();
            }
        }
        self
    }

    /// Checks in a test that handlers with `emits(..)` in their annotations list everything that they emit.
    ///
    /// ```no_run
    /// # fn check(app: &cqrs_core::testing::TestApp) {
    /// app.describe().with_emissions(app.observed_emissions()).assert_emissions_declared();
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If a handler emits something that it does not list. The message has the handler with `file:line`, and what it emits.
    #[track_caller]
    pub fn assert_emissions_declared(&self) {
        let undeclared = self.handlers.iter().flat_map(|handler| {
            let line = move |message| {
                let HandlerDescription { name, declared, .. } = handler;
                format!("\n  `{name}` ({declared}) emits `{message}`")
            };
            handler.undeclared_emissions().map(line)
        });
        let undeclared: String = undeclared.collect();
        assert!(
            undeclared.is_empty(),
            "handlers emit what they do not declare:{undeclared}\n\
             fix: list it in `emits(..)`, or remove `emits(..)`"
        );
    }

    /// The named module, or else the crate, of what is declared there; `None` for what is registered by hand.
    fn part_of(&self, declared: Option<&Location>) -> Option<&str> {
        let path = declared?.module.as_deref()?;
        self.modules.iter().find(|module| module.path == path).map(|it| it.part_of.as_str())
    }

    /// The description as text. The text ends with a line break.
    ///
    /// JSON can be read back as the same description. In a Mermaid graph, the id of a node is made from its
    /// stable name, so a change of the application changes only the lines of what was changed.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Markdown => markdown::render(self),
            Format::Mermaid => mermaid::render(self),
            // Strings, numbers and lists always have a JSON form.
            Format::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        }
    }

    /// The numbers of messages, handlers, services, values and modules in one line.
    pub fn summary(&self) -> String {
        let messages = |kind, one, many| {
            count(self.messages.iter().filter(|message| message.kind == kind).count(), one, many)
        };
        let mut events = messages(MessageKind::Event, "event", "events");
        if let unhandled @ 1.. = self.unhandled_events().count() {
            events = format!("{events} ({unhandled} without a handler)");
        }
        let parts = [
            messages(MessageKind::Command, "command", "commands"),
            events,
            messages(MessageKind::Query, "query", "queries"),
            count(self.handlers.len(), "handler", "handlers"),
            count(self.services.len(), "service", "services"),
            count(self.provided.len(), "provided value", "provided values"),
            count(self.modules.len(), "module", "modules"),
        ];
        parts.join(", ")
    }

    /// Events that no handler names. Handlers of every event may still see them.
    pub fn unhandled_events(&self) -> impl Iterator<Item = &MessageDescription> {
        let events = self.messages.iter().filter(|message| message.kind == MessageKind::Event);
        events.filter(|event| event.handlers.is_empty())
    }

    /// Commands and queries that do not declare with `requires` which permission their caller needs.
    /// [`Authorize`](crate::middleware::Authorize) refuses them.
    pub fn undeclared(&self) -> impl Iterator<Item = &MessageDescription> {
        let executed = self.messages.iter().filter(|message| message.kind != MessageKind::Event);
        executed.filter(|message| message.requires.is_none())
    }
}

fn count<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    format!("{count} {}", if count == N::from(1) { one } else { many })
}

/// The text with everything but letters, digits and some signs as numbers, so that it means nothing in HTML
/// or Mermaid.
fn escaped(text: &str, number: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        if character.is_alphanumeric() || " .-_:".contains(character) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "{number}{};", u32::from(character));
        }
    }
    escaped
}

/// Names by hand may hold anything; a terminal must not act on it.
fn one_line(text: &str) -> String {
    let escape = |character: char| match character {
        character if character.is_control() => character.escape_default().to_string(),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}
