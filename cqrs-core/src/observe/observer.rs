//! Observing an application from inside.

use std::fmt::Debug;
use std::time::Duration;

use crate::context::Context;
use crate::handler::DeliveryError;
use crate::message::AnyEvent;
use crate::message::MessageKind;
use crate::services::TypeRef;

/// Sees what happens in an application. Most applications have none.
pub(crate) trait Observer: Debug + Send + Sync {
    /// `event` was accepted.
    fn published(&self, event: &AnyEvent);

    /// A command or query came to its end.
    fn executed(&self, execution: Executed<'_>);

    /// One attempt of a delivery came to its end.
    fn attempted(&self, attempt: Attempted<'_>);
}

pub(crate) struct Executed<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) message: TypeRef,
    pub(crate) name: &'static str,
    pub(crate) context: &'a Context,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

pub(crate) struct Attempted<'a> {
    pub(crate) handler: TypeRef,
    pub(crate) handler_name: &'a str,
    pub(crate) event: &'a AnyEvent,
    /// From 1.
    pub(crate) attempt: u32,
    pub(crate) error: Option<&'a DeliveryError>,
    /// How long until the next attempt; `None` after the last.
    pub(crate) retry_in: Option<Duration>,
}
