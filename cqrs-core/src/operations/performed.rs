//! What an operator did, as an event.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::message::Event;

/// An operator has changed something with [`Operations`](super::Operations): for the activity log, and for handlers
/// that tell other people. Its context is that of the operator, with the actor.
///
/// It is published only if a handler wants it; a handler of every event, such as the activity log, does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OperationPerformed {
    /// What was done, such as `redelivered` or `paused`.
    pub operation: String,
    /// The stable name of the handler that it was done to. Empty if it concerns all.
    pub handler: String,
    /// What exactly, for people: a delivery, a position, a number.
    pub detail: String,
}

impl OperationPerformed {
    pub(super) fn new(operation: &str, handler: &str, detail: impl Display) -> Self {
        let detail = detail.to_string();
        Self { operation: operation.to_owned(), handler: handler.to_owned(), detail }
    }
}

// It is no example for the user whose type is not an event.
#[diagnostic::do_not_recommend]
impl Event for OperationPerformed {
    const NAME: &'static str = "cqrs.operation-performed";
    const ENTITY: Option<&'static str> = Some("Handler");
    const ACTION: Option<&'static str> = Some("operated");

    fn entity_id(&self) -> Option<&dyn Display> {
        (!self.handler.is_empty()).then_some(&self.handler as _)
    }

    fn description(&self) -> Option<String> {
        let Self { operation, handler, detail } = self;
        let to = if handler.is_empty() { String::new() } else { format!(" of handler {handler}") };
        Some(format!("{operation} {detail}{to}"))
    }
}
