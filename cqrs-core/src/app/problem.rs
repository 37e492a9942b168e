//! What can be wired wrongly.

use std::fmt::{self, Display};

use crate::message::MessageKind;
use crate::registry::{MessageRegistration, Source};
use crate::services::{Dependency, TypeRef};

/// One thing that is wired wrongly. Its text says what is wrong, where, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    text: String,
}

/// What is wired wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No service has the type of a field.
    MissingService,
    /// Services need each other, so none can be built first.
    Cycle,
    /// Two services are offered as the same type.
    AmbiguousService,
    /// A command or query has no handler.
    NoHandler,
    /// A command or query has more than one handler.
    ManyHandlers,
    /// Several messages have the same name.
    SharedMessageName,
    /// Several handlers have the same name.
    SharedHandlerName,
    /// Several plugins have the same name.
    SharedPluginName,
    /// A service that does nothing without its plugin was provided, and the plugin was not added.
    ProvidedWithoutPlugin,
    /// A handler was registered by hand without an event.
    HandlesNothing,
    /// A handler would get one event twice: it names the event twice, under another name, or beside `*`.
    SameEventTwice,
    /// A query handler injects a bus that can change state, or a service that injects one.
    QueryReachesBus,
    /// A module that was named contains no annotation.
    EmptyModule,
}

impl Problem {
    fn new(kind: ProblemKind, text: String) -> Self {
        Self { kind, text }
    }

    /// What is wired wrongly, for tests and tools.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    pub(super) fn missing_service(
        consumer: &str,
        dependency: &Dependency,
        hint: Option<String>,
    ) -> Self {
        let Dependency { field, service, name, .. } = dependency;
        let named = name.map(|name| format!(" named \"{name}\"")).unwrap_or_default();
        let fix = hint.unwrap_or_else(|| match name {
            Some(name) => format!("`.provide_named::<{service}>(\"{name}\", ..)`"),
            None => how_to_provide(*service),
        });
        let text = format!(
            "nothing offers `{service}`{named}, which field `{field}` of {consumer} needs\nfix: {fix}"
        );
        Self::new(ProblemKind::MissingService, text)
    }

    /// Each service needs the next one, and the last one needs the first.
    pub(super) fn cycle(services: &[String]) -> Self {
        let text = format!(
            "services need each other in a circle, so none can be built first:{}\n\
             fix: let one of them react to an event of the other instead",
            list(services)
        );
        Self::new(ProblemKind::Cycle, text)
    }

    pub(super) fn ambiguous_service(service: TypeRef, offered_by: &[String]) -> Self {
        let text = format!(
            "`{service}` is offered more than once:{}\n\
             fix: say which one with `.provide::<{service}>(..)`, or remove the others",
            list(offered_by)
        );
        Self::new(ProblemKind::AmbiguousService, text)
    }

    pub(super) fn no_handler(message: &MessageRegistration) -> Self {
        let (kind, name, source) = (message.kind, (message.message)(), message.source);
        let text = format!(
            "{kind} `{name}` ({source}) has no handler\n\
             fix: annotate one with `#[{kind}_handler({name})]`; if there is one in another crate, \
             name that crate in `modules![..]`"
        );
        Self::new(ProblemKind::NoHandler, text)
    }

    pub(super) fn many_handlers(message: &MessageRegistration, handlers: &[String]) -> Self {
        let text = format!(
            "{} `{}` has more than one handler:{}\nfix: keep one; an event can have several",
            message.kind,
            (message.message)(),
            list(handlers)
        );
        Self::new(ProblemKind::ManyHandlers, text)
    }

    pub(super) fn shared_message_name(messages: &[MessageRegistration]) -> Self {
        let (listed, fixes): (Vec<_>, Vec<_>) = messages.iter().map(name_of_message).unzip();
        let text = format!(
            "several messages are named \"{}\":{}\nfix: name them apart: {}",
            messages[0].name,
            list(&listed),
            fixes.join(", or ")
        );
        Self::new(ProblemKind::SharedMessageName, text)
    }

    pub(super) fn shared_handler_name(name: &str, handlers: &[String]) -> Self {
        let text = format!(
            "several handlers are named \"{name}\":{}\n\
             fix: name them apart, as in `#[events_handler(.., name = \"..\")]`",
            list(handlers)
        );
        Self::new(ProblemKind::SharedHandlerName, text)
    }

    pub(super) fn shared_plugin_name(name: &str) -> Self {
        let text = format!(
            "plugin `{name}` is added more than once\n\
             fix: add it once, or let each have a name of its own"
        );
        Self::new(ProblemKind::SharedPluginName, text)
    }

    pub(super) fn provided_without_plugin(service: TypeRef, plugin: &str) -> Self {
        let text = format!(
            "`{service}` is provided, but does nothing without its plugin `{plugin}`, which is not added\n\
             fix: `.plugin(..)` in place of `.provide(..)`; the plugin provides it too"
        );
        Self::new(ProblemKind::ProvidedWithoutPlugin, text)
    }

    pub(super) fn handles_nothing(handler: &str) -> Self {
        let text = format!(
            "{handler} is registered for no event\n\
             fix: add `.on::<SomeEvent>()` or `.on_any()` to its registration"
        );
        Self::new(ProblemKind::HandlesNothing, text)
    }

    /// `event` is `None` for a handler of every event that also names some.
    pub(super) fn same_event_twice(handler: &str, event: Option<TypeRef>) -> Self {
        let text = match event {
            Some(event) => format!(
                "{handler} would get each `{event}` twice\n\
                 fix: name the event once; an alias is the same event"
            ),
            None => format!(
                "{handler} handles every event, and names some as well, which it would get twice\n\
                 fix: leave out the names, or `*`"
            ),
        };
        Self::new(ProblemKind::SameEventTwice, text)
    }

    pub(super) fn query_injects_bus(handler: &str, dependency: &Dependency) -> Self {
        let text = format!(
            "the query {handler} injects `{}` in field `{}`, but a query changes nothing\n\
             fix: make it a command, or remove the field",
            dependency.service, dependency.field
        );
        Self::new(ProblemKind::QueryReachesBus, text)
    }

    /// `path` leads from the handler's field to that of a service which injects the bus.
    pub(super) fn query_reaches_bus(handler: &str, path: &[String]) -> Self {
        let text = format!(
            "the query {handler} reaches a bus through a service, but a query changes nothing: {}\n\
             fix: make it a command, or inject a service that does without the bus",
            path.join(" -> ")
        );
        Self::new(ProblemKind::QueryReachesBus, text)
    }

    pub(super) fn empty_module(module: &str) -> Self {
        let text = format!(
            "nothing is annotated in the module `{module}` that was named\n\
             fix: remove it from `modules![..]`; or, if it was imported with `use`, re-exported or renamed, \
             write its own full path"
        );
        Self::new(ProblemKind::EmptyModule, text)
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn how_to_provide(service: TypeRef) -> String {
    let provide = format!("`.provide::<{service}>(..)`");
    match inside_arc(&service.name()) {
        Some(inner) if inner.starts_with("dyn ") => {
            format!("{provide}, or `#[injectable(as = {inner})]` on a service that implements it")
        }
        Some(inner) => format!("{provide}, or `#[derive(Injectable)]` on `{inner}`"),
        None => provide,
    }
}

/// The message's line in a report, and how to change its name.
fn name_of_message(message: &MessageRegistration) -> (String, String) {
    let (kind, message, source) = (message.kind, (message.message)(), message.source);
    if source != Source::UNKNOWN {
        return (
            format!("{kind} `{message}` ({source})"),
            format!("`#[{kind}(name = \"..\")]` on `{message}`"),
        );
    }
    let of_trait = match kind {
        MessageKind::Event => "Event",
        MessageKind::Command => "Command",
        MessageKind::Query => "Query",
    };
    (
        format!("{kind} `{}` (implemented by hand)", message.path()),
        format!("another `NAME` in `impl {of_trait} for {message}`"),
    )
}

/// `T` of `Arc<T>`.
pub(super) fn inside_arc(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("Arc<")?.strip_suffix('>')
}

fn list(items: &[String]) -> String {
    items.iter().flat_map(|item| ["\n- ", item]).collect()
}
