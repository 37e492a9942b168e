//! One event on its way to one handler.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Lane;
use crate::context::Effect;
use crate::handler::DeliveryError;
use crate::message::AnyEvent;

/// One event on its way to one handler.
#[derive(Clone)]
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
    /// An attempt failed, and there will be another one after `wait`.
    Retry { attempts: u32, wait: Duration, error: &'a DeliveryError },
    /// It failed for good. If it `blocks` its order key, the lane lets those behind it wait.
    Dead { attempts: u32, error: &'a DeliveryError, blocks: bool },
    /// The lane gives it back: the application stops, or the origin takes it back.
    Release,
}

/// Where deliveries come from.
pub(crate) trait Origin: Any + Send + Sync {
    /// Says what became of the delivery of `event` that has this `token`. After any verdict other than
    /// `Retry`, the delivery is gone. Must not block.
    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>);

    /// Whether the lane gives the deliveries of this origin back instead of attempting them.
    fn takes_back(&self) -> bool {
        false
    }

    /// Whether attempts may begin now. Otherwise the deliveries of this origin wait.
    fn may_begin(&self) -> bool {
        true
    }

    /// Publishes that a delivery of `event` has died, before the delivery is settled as dead. Must not block.
    fn announce(self: Arc<Self>, _event: &AnyEvent, _token: Option<u64>, death: Deferred) {
        Box::new(death).carry_out();
    }

    /// Carries out what the handler of `event` has deferred, before the delivery is settled. Must not block.
    fn publish(
        self: Arc<Self>,
        _event: &AnyEvent,
        _token: Option<u64>,
        effects: Vec<Box<dyn Effect>>,
    ) {
        effects.into_iter().for_each(Effect::carry_out);
    }
}

/// An event that a handler has published, to be sent when the handler succeeds.
pub(crate) struct Deferred {
    pub(crate) event: AnyEvent,
    /// `None` if it is published when the handler succeeds, otherwise when.
    pub(crate) due: Option<Timestamp>,
    pub(crate) to: Arc<dyn Publishes>,
}

/// Publishes an event that was deferred.
pub(crate) trait Publishes: Send + Sync {
    fn publish_deferred(self: Arc<Self>, deferred: Deferred);

    /// The event is in the log: hands it to the handlers that get their events from memory.
    fn appended(&self, event: &AnyEvent);

    /// The store keeps an event until it is due.
    fn scheduled(&self);
}

impl Effect for Deferred {
    fn carry_out(self: Box<Self>) {
        Arc::clone(&self.to).publish_deferred(*self);
    }
}

/// Tells a delivery's origin what became of it.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(crate) origin: Arc<dyn Origin>,
    /// What the origin knows the delivery by.
    pub(crate) token: Option<u64>,
}

impl Delivery {
    /// Publishes that the delivery has died, if a handler wants that.
    pub(super) fn announce(&self, lane: &Lane, attempts: u32, error: &DeliveryError) {
        if let Some(death) = lane.shared.deaths.of(&lane.name, &self.event, attempts, error) {
            let Receipt { origin, token } = &self.receipt;
            Arc::clone(origin).announce(&self.event, *token, death);
        }
    }

    pub(super) fn settle(&self, verdict: Verdict<'_>) {
        self.receipt.origin.settle(&self.event, self.receipt.token, verdict);
    }
}
