//! What a test can check of a delivery afterwards.

use std::sync::Arc;

use crate::handler::DeliveryError;
use crate::message::AnyEvent;

/// One delivery of an event to a handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeliveryRecord {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// The event, with its context.
    pub event: AnyEvent,
    /// The result of each attempt so far: `None` if it succeeded, otherwise the error.
    pub attempts: Vec<Option<DeliveryError>>,
    /// Whether no further attempt follows.
    pub is_settled: bool,
    /// Whether this is the second delivery that `deliver_twice` asked for.
    pub repeated: bool,
}

impl DeliveryRecord {
    /// Whether the handler handled the event in the end.
    pub fn is_handled(&self) -> bool {
        self.is_settled && self.last_error().is_none()
    }

    /// Whether the delivery became a dead letter.
    pub fn is_dead_lettered(&self) -> bool {
        self.is_settled && self.last_error().is_some()
    }

    /// Why the last attempt failed, if it did.
    pub fn last_error(&self) -> Option<&DeliveryError> {
        self.attempts.last().and_then(Option::as_ref)
    }
}
