//! One event on its way to one handler.

use std::sync::Arc;

use crate::handler::DeliveryError;
use crate::message::AnyEvent;

/// One event on its way to one handler.
pub(crate) struct Delivery {
    pub(crate) event: AnyEvent,
    /// Which of the handler's events it is: an index into the lane's handlers.
    pub(crate) route: usize,
    pub(crate) receipt: Receipt,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict<'a> {
    /// The handler handled the event.
    Done { attempts: u32 },
    /// An attempt failed, and there will be another one.
    Retry,
    /// It failed for good.
    Dead { attempts: u32, error: &'a DeliveryError },
    /// The lane gives it back, because the application stops.
    Release,
}

/// Where deliveries come from.
pub(crate) trait Origin: Send + Sync {
    /// Says what became of the delivery of `event` that has this `token`. After any verdict other than
    /// `Retry`, the delivery is gone. Must not block.
    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>);
}

/// Tells a delivery's origin what became of it.
pub(crate) struct Receipt {
    pub(crate) origin: Arc<dyn Origin>,
    /// What the origin knows the delivery by.
    pub(crate) token: Option<u64>,
}

impl Delivery {
    pub(super) fn settle(&self, verdict: Verdict<'_>) {
        self.receipt.origin.settle(&self.event, self.receipt.token, verdict);
    }
}
