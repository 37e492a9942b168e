//! The wiring that an application keeps for its description.

use std::borrow::Cow;
use std::sync::Arc;

use super::{App, Modules};
use crate::registry::{
    HandlerRegistration, InjectableRegistration, MessageRegistration, Unhandled,
};
use crate::services::TypeRef;

/// The registrations that were wired. They are small; the description is made from them on demand.
#[derive(Default)]
pub(crate) struct Wired {
    /// Those of the selected modules, and those that a handler names; by name.
    pub(crate) messages: Vec<MessageRegistration>,
    /// By name.
    pub(crate) handlers: Vec<HandlerRegistration>,
    pub(crate) services: Vec<WiredService>,
    pub(crate) provided: Vec<WiredValue>,
    pub(crate) plugins: Vec<String>,
    /// Outermost first.
    pub(crate) middleware: Vec<TypeRef>,
    pub(crate) named: Modules,
    /// Shared with the event bus.
    pub(crate) unhandled: Arc<Unhandled>,
}

/// A service that was built.
pub(crate) struct WiredService {
    pub(crate) registration: InjectableRegistration,
    pub(crate) offered_as: Vec<TypeRef>,
}

/// A value that was provided.
pub(crate) struct WiredValue {
    pub(crate) service: TypeRef,
    pub(crate) name: Option<Cow<'static, str>>,
}

impl Wired {
    /// The handlers that name the message.
    pub(crate) fn handlers_of(
        &self,
        message: TypeRef,
    ) -> impl Iterator<Item = &HandlerRegistration> {
        let names = move |it: &&HandlerRegistration| {
            it.messages().any(|named| (named.message)() == message)
        };
        self.handlers.iter().filter(names)
    }

    /// The events that no handler names, each with the reason.
    #[cfg(feature = "cli")]
    pub(crate) fn unhandled_events(&self) -> impl Iterator<Item = (&MessageRegistration, &str)> {
        let events =
            self.messages.iter().filter(|it| it.kind == crate::message::MessageKind::Event);
        let unhandled = events.filter(|it| self.handlers_of((it.message)()).next().is_none());
        unhandled.map(|it| (it, self.unhandled.reason((it.message)().id())))
    }
}

impl App {
    pub(crate) fn wired(&self) -> &Wired {
        &self.0.wired
    }
}
