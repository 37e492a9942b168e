//! The wiring that an application keeps for its description.

use std::sync::Arc;

use super::{App, Modules};
use crate::registry::{
    HandlerRegistration, InjectableRegistration, MessageRegistration, Unhandled,
};
use crate::services::{ServiceKey, TypeRef};

/// The registrations that were wired. They are small; the description is made from them on demand.
#[derive(Default)]
pub(crate) struct Wired {
    /// Those of the selected modules, and those that a handler names; by name.
    pub(crate) messages: Vec<MessageRegistration>,
    /// By name.
    pub(crate) handlers: Vec<HandlerRegistration>,
    pub(crate) services: Vec<WiredService>,
    pub(crate) provided: Vec<ServiceKey>,
    pub(crate) plugins: Vec<String>,
    /// Outermost first.
    pub(crate) middleware: Vec<TypeRef>,
    /// The middleware around publishing, outermost first.
    pub(crate) publish_middleware: Vec<TypeRef>,
    pub(crate) named: Modules,
    /// Shared with the event bus.
    pub(crate) unhandled: Arc<Unhandled>,
}

/// A service that was built.
pub(crate) struct WiredService {
    pub(crate) registration: &'static InjectableRegistration,
    pub(crate) offered_as: Vec<TypeRef>,
}

impl App {
    pub(crate) fn wired(&self) -> &Wired {
        &self.0.wired
    }
}
