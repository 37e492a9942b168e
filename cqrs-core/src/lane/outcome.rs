//! What an attempt needs of a delivery, and what it made of it.

use super::Delivery;
use crate::handler::{AttemptError, DeliveryError};
use crate::message::AnyEvent;
use crate::schedule::Entry;

/// What an attempt needs of a delivery that a worker has taken.
pub(super) struct Taken {
    pub(super) event: AnyEvent,
    pub(super) route: usize,
    pub(super) order: Option<u64>,
    /// From 1.
    pub(super) attempt: u32,
}

impl Taken {
    pub(super) fn of(entry: &Entry<Delivery>) -> Self {
        Self {
            event: entry.item.event.clone(),
            route: entry.item.route,
            order: entry.keys.order,
            attempt: entry.attempts + 1,
        }
    }
}

/// What an attempt made of a delivery.
pub(super) enum Outcome {
    Handled,
    Failed(DeliveryError),
    /// The batch failed as a whole, and this event was not marked: it is tried again alone.
    FailedTogether(DeliveryError),
    /// An earlier event of its order key will be retried. This one waits behind it, and its attempt is
    /// not counted.
    Behind,
}

impl Outcome {
    pub(super) fn error(&self) -> Option<&DeliveryError> {
        match self {
            Self::Failed(error) | Self::FailedTogether(error) => Some(error),
            Self::Handled | Self::Behind => None,
        }
    }

    pub(super) fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Behind => Some("postponed"),
            other => other.error().map(AttemptError::error_type),
        }
    }
}
