//! What can be wired wrongly.

use std::fmt;

use crate::message::MessageKind;
use crate::registry::Source;
use crate::services::Dependency;
use crate::services::TypeRef;

/// Who needs a service: a handler, or a service that is built from others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumer {
    /// Its type.
    pub consumer: TypeRef,
    /// Its stable name, if it is a handler.
    pub handler: Option<String>,
    /// Where it is declared.
    pub source: Source,
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.handler.is_some() { "handler" } else { "service" };
        write!(f, "{kind} `{}` ({})", self.consumer, self.source)
    }
}

/// One thing that is wired wrongly. Its text says what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nobody offers what a field needs.
    MissingService {
        /// Who needs it.
        consumer: Consumer,
        /// The field.
        dependency: Dependency,
        /// Something offered that looks like it was meant.
        hint: Option<String>,
    },
    /// Services that need each other, so that none can be built first.
    Cycle {
        /// Each needs the next, and the last needs the first.
        services: Vec<Consumer>,
    },
    /// Two services are offered as the same type.
    AmbiguousService {
        /// The type.
        service: TypeRef,
        /// Who offers it.
        offered_by: Vec<Consumer>,
    },
    /// A command or query that nobody handles.
    NoHandler {
        /// Command or query.
        kind: MessageKind,
        /// Its type.
        message: TypeRef,
        /// Where it is declared.
        source: Source,
    },
    /// A command or query that more than one handler handles.
    ManyHandlers {
        /// Command or query.
        kind: MessageKind,
        /// Its type.
        message: TypeRef,
        /// The handlers.
        handlers: Vec<Consumer>,
    },
    /// Messages with one name.
    SharedMessageName {
        /// The name.
        name: &'static str,
        /// The messages.
        messages: Vec<(MessageKind, TypeRef, Source)>,
    },
    /// Handlers with one name.
    SharedHandlerName {
        /// The name.
        name: String,
        /// The handlers.
        handlers: Vec<Consumer>,
    },
    /// Plugins with one name.
    SharedPluginName {
        /// The name.
        name: String,
    },
    /// A service that does nothing without its plugin was provided, and the plugin was not added.
    ProvidedWithoutPlugin {
        /// The service.
        service: TypeRef,
        /// The name of its plugin.
        plugin: &'static str,
    },
    /// A handler that was registered by hand for no event.
    HandlesNothing {
        /// The handler.
        handler: Consumer,
    },
    /// A handler that would get one event twice: named twice, under another name, or beside `*`.
    SameEventTwice {
        /// The handler.
        handler: Consumer,
        /// The event; `None` where it handles every event and names some as well.
        event: Option<TypeRef>,
    },
    /// A query handler that injects a bus it could change state with.
    QueryInjectsBus {
        /// The handler.
        handler: Consumer,
        /// The field with the bus.
        dependency: Dependency,
    },
    /// A named module in which nothing is annotated.
    EmptyModule {
        /// The name, as it was written.
        module: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingService { consumer, dependency, hint } => {
                missing_service(f, consumer, dependency, hint.as_deref())
            }
            Self::Cycle { services } => {
                write!(f, "services need each other in a circle, so none can be built first:")?;
                list(f, services)?;
                write!(f, "\nfix: let one of them react to an event of the other instead")
            }
            Self::AmbiguousService { service, offered_by } => {
                write!(f, "`{service}` is offered more than once:")?;
                list(f, offered_by)?;
                write!(
                    f,
                    "\nfix: say which one with `.provide::<{service}>(..)`, or remove the others"
                )
            }
            Self::NoHandler { kind, message, source } => write!(
                f,
                "{kind} `{message}` ({source}) has no handler\n\
                 fix: annotate one with `#[{kind}_handler({message})]`; if there is one in another crate, \
                 name that crate in `modules![..]`"
            ),
            Self::ManyHandlers { kind, message, handlers } => {
                write!(f, "{kind} `{message}` has more than one handler:")?;
                list(f, handlers)?;
                write!(f, "\nfix: keep one; what several shall react to is an event")
            }
            Self::SharedMessageName { name, messages } => {
                write!(f, "several messages are named \"{name}\":")?;
                for (kind, message, source) in messages {
                    write!(f, "\n- {kind} `{message}` ({source})")?;
                }
                write!(f, "\nfix: name them apart, as in `#[event(name = \"..\")]`")
            }
            Self::SharedHandlerName { name, handlers } => {
                write!(f, "several handlers are named \"{name}\":")?;
                list(f, handlers)?;
                write!(f, "\nfix: name them apart, as in `#[events_handler(.., name = \"..\")]`")
            }
            Self::SharedPluginName { name } => write!(
                f,
                "plugin `{name}` is added more than once\n\
                 fix: add it once, or let each have a name of its own"
            ),
            Self::ProvidedWithoutPlugin { service, plugin } => write!(
                f,
                "`{service}` is provided, but does nothing without its plugin `{plugin}`, which is not added\n\
                 fix: `.plugin(..)` in place of `.provide(..)`; the plugin provides it too"
            ),
            Self::HandlesNothing { handler } => write!(
                f,
                "{handler} is registered for no event\n\
                 fix: add `.on::<SomeEvent>()` or `.on_any()` to its registration"
            ),
            Self::SameEventTwice { handler, event: Some(event) } => write!(
                f,
                "{handler} would get each `{event}` twice\n\
                 fix: name the event once; an alias is the same event"
            ),
            Self::SameEventTwice { handler, event: None } => write!(
                f,
                "{handler} handles every event, and names some as well, which it would get twice\n\
                 fix: leave out the names, or `*`"
            ),
            Self::QueryInjectsBus { handler, dependency } => write!(
                f,
                "the query {handler} injects `{}` in field `{}`, but a query changes nothing\n\
                 fix: make it a command, or remove the field",
                dependency.service, dependency.field
            ),
            Self::EmptyModule { module } => write!(
                f,
                "nothing is annotated in the module `{module}` that was named\n\
                 fix: remove it from `modules![..]`; or, if it was imported with `use`, re-exported or renamed, \
                 write its own full path"
            ),
        }
    }
}

fn missing_service(
    f: &mut fmt::Formatter<'_>,
    consumer: &Consumer,
    dependency: &Dependency,
    hint: Option<&str>,
) -> fmt::Result {
    let Dependency { field, service, name, .. } = dependency;
    match name {
        Some(name) => write!(f, "nobody offers `{service}` named \"{name}\"")?,
        None => write!(f, "nobody offers `{service}`")?,
    }
    write!(f, ", which field `{field}` of {consumer} needs\nfix: ")?;
    match (hint, name) {
        (Some(hint), _) => f.write_str(hint),
        (None, Some(name)) => write!(f, "`.provide_named::<{service}>(\"{name}\", ..)`"),
        (None, None) => {
            write!(f, "`.provide::<{service}>(..)`")?;
            match inside_arc(&service.name()) {
                Some(inner) if inner.starts_with("dyn ") => {
                    write!(f, ", or `#[injectable(as = {inner})]` on a service that implements it")
                }
                Some(inner) => write!(f, ", or `#[derive(Injectable)]` on `{inner}`"),
                None => Ok(()),
            }
        }
    }
}

/// `T` of `Arc<T>`.
pub(super) fn inside_arc(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("Arc<")?.strip_suffix('>')
}

fn list(f: &mut fmt::Formatter<'_>, consumers: &[Consumer]) -> fmt::Result {
    for consumer in consumers {
        write!(f, "\n- {consumer}")?;
    }
    Ok(())
}
