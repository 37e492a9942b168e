//! Observing an application from inside.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::handler::DeliveryError;
use crate::message::{AnyEvent, MessageKind};
use crate::services::TypeRef;

/// Sees what happens in an application. Most applications have none.
pub(crate) trait Observer: Debug + Send + Sync {
    fn observe(&self, what: Happening);

    /// A handler has published an event, or executed a command or query, whatever came of it. Both by their stable
    /// names.
    fn emitted(&self, handler: &str, message: &str);

    /// A copy of what the handler of a command or query returned, its output or its own error, if the observer wants it.
    fn copy(
        &self,
        message: TypeRef,
        returned: Result<&dyn Any, &dyn Any>,
    ) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// Something that happened in an application.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// An event was accepted.
    Published(AnyEvent),
    /// A command or query came to its end.
    Executed(ExecutionRecord),
    /// One attempt of a delivery came to its end.
    Attempted(AttemptRecord),
}

/// Tells the observer, if there is one, that the handler of `ctx`, if there is one, emits `message`.
pub(crate) fn emitted(observer: Option<&Arc<dyn Observer>>, ctx: &Context, message: &'static str) {
    if let Some(observer) = observer
        && let Some(handler) = ctx.handler()
    {
        observer.emitted(&handler, message);
    }
}

/// One execution of a command or query.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecutionRecord {
    pub(crate) kind: MessageKind,
    pub(crate) message: TypeRef,
    /// The message's stable name.
    pub name: &'static str,
    /// The context that its handler got.
    pub context: Context,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// Its output or its handler's own error, if the observer wants it.
    pub(crate) returned: Option<Arc<dyn Any + Send + Sync>>,
}

impl ExecutionRecord {
    /// Whether the handler returned a result.
    pub fn is_ok(&self) -> bool {
        self.failure.is_none()
    }
}

/// One attempt of a delivery.
#[derive(Debug, Clone)]
pub(crate) struct AttemptRecord {
    pub(crate) handler: TypeRef,
    pub(crate) handler_name: Arc<str>,
    pub(crate) event: AnyEvent,
    /// From 1.
    pub(crate) attempt: u32,
    pub(crate) error: Option<DeliveryError>,
    /// How long until the next attempt; `None` after the last.
    pub(crate) retry_in: Option<Duration>,
}
