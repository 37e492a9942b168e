//! What a description is made of.

use std::fmt;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact as friendly;
use serde::{Deserialize, Serialize};

use crate::handler::{BatchPolicy, BreakerPolicy, DeadLetters, Order, RetryPolicy, Start};
use crate::message::MessageKind;

/// Where something is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// The file, as its path was given to the compiler.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The Rust module; `None` for what was registered by hand.
    pub module: Option<String>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A command, an event or a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageDescription {
    /// The kind of the message.
    pub kind: MessageKind,
    /// The stable name.
    pub name: String,
    /// The Rust type, without paths.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Where it is declared. `None` for a message that is implemented by hand.
    pub declared: Option<Location>,
    /// An event's version.
    pub version: Option<u32>,
    /// The type of entity that an event is about.
    pub entity: Option<String>,
    /// What happened to the entity.
    pub action: Option<String>,
    /// What the handler of a command or query returns.
    pub output: Option<String>,
    /// The error of a command or query.
    pub error: Option<String>,
    /// The permissions that the caller of a command or query needs, all of them; empty if it needs none. `None` if the
    /// message does not declare it.
    #[serde(default)]
    pub requires: Option<Vec<String>>,
    /// The stable names of the handlers that name this message. Handlers of every event are not included.
    pub handlers: Vec<String>,
    /// Why no handler names this event.
    pub unhandled: Option<String>,
}

/// A handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandlerDescription {
    /// The kind of messages it handles.
    pub kind: MessageKind,
    /// The stable name.
    pub name: String,
    /// The Rust type, without paths.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Where it is annotated or registered.
    pub declared: Location,
    /// The stable names of the messages that it names.
    pub handles: Vec<String>,
    /// Whether it handles every event: `#[events_handler(*)]`.
    pub every_event: bool,
    /// How it runs.
    pub options: OptionsDescription,
    /// What is injected into it.
    pub dependencies: Vec<InjectedField>,
    /// The stable names of the events that it publishes, and of the commands and queries that it executes, as far as its
    /// annotation, or [`with_emissions`](super::Description::with_emissions), said so.
    #[serde(default)]
    pub emits: Vec<String>,
    /// Those of which its annotation said so, with `emits(..)`. `None` without `emits(..)`; empty with `emits()`, which says
    /// that it emits nothing.
    #[serde(default)]
    pub declares: Option<Vec<String>>,
}

impl HandlerDescription {
    /// What it emits and does not declare, if its annotation has `emits(..)`. Empty without `emits(..)`.
    pub fn undeclared_emissions(&self) -> impl Iterator<Item = &String> {
        let is_undeclared =
            |it: &&String| self.declares.as_ref().is_some_and(|declares| !declares.contains(it));
        self.emits.iter().filter(is_undeclared)
    }
}

/// A handler that publishes an event, or executes a command or query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Emission {
    /// The handler's stable name.
    pub handler: String,
    /// The message's stable name.
    pub message: String,
}

impl Emission {
    /// `handler` publishes or executes `message`; both are stable names.
    pub fn new(handler: impl Into<String>, message: impl Into<String>) -> Self {
        Self { handler: handler.into(), message: message.into() }
    }
}

/// How a handler runs. What only event handlers have is `None` for the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OptionsDescription {
    /// How long one attempt may take, such as `"30s"`; `None` for no limit.
    #[serde(default, with = "friendly::optional")]
    pub timeout: Option<Duration>,
    /// How often a delivery, or a command that is retried, is attempted.
    pub retry: Option<RetryPolicy>,
    /// The types of errors that are permanent.
    #[serde(default)]
    pub never_retried: Vec<String>,
    /// How old an event may be when an attempt begins; `None` for any age.
    #[serde(default, with = "friendly::optional")]
    pub deliver_within: Option<Duration>,
    /// Whether a delivery that has failed for good is kept as a dead letter.
    #[serde(default)]
    pub dead_letters: Option<DeadLetters>,
    /// How many attempts run at the same time.
    pub concurrency: Option<usize>,
    /// Which events are handled in publish order.
    pub order: Option<Order>,
    /// Its rate limit, such as `"100/s"`.
    pub rate: Option<String>,
    /// When its circuit breaker opens.
    pub breaker: Option<BreakerPolicy>,
    /// How many events it gets at once.
    pub batch: Option<BatchPolicy>,
    /// Whether it writes in a transaction of the application's store.
    #[serde(default)]
    pub transactional: bool,
    /// Whether it stays in memory in an application with a store.
    #[serde(default)]
    pub transient: bool,
    /// Where it starts when it is new in an application with a store; `None` for a transient handler.
    #[serde(default)]
    pub start: Option<Start>,
}

/// A field that is injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InjectedField {
    /// The field.
    pub field: String,
    /// Its Rust type, without paths.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The service's name, for `#[inject(name = "..")]`.
    pub name: Option<String>,
}

/// A service that the application builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceDescription {
    /// The Rust type, without paths.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Where it is derived.
    pub declared: Location,
    /// The types of the fields it is injected into, such as `Arc<dyn EmployeeRepository>`.
    pub offered_as: Vec<String>,
    /// What is injected into it.
    pub dependencies: Vec<InjectedField>,
}

/// A value that was provided, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvidedValue {
    /// The Rust type, without paths.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its name, for `#[inject(name = "..")]`.
    pub name: Option<String>,
}

/// A Rust module that contributes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModuleDescription {
    /// Its path, with the crate.
    pub path: String,
    /// Whether it, or a module that contains it, was named with `modules![..]`.
    pub named: bool,
    /// The path of the named module that contains it, the innermost one; its crate if none does.
    #[serde(default)]
    pub part_of: String,
}
