//! Dead letters that block their order keys: the later deliveries of these keys wait.

use uuid::Uuid;

use super::{Delivery, Lane};
use crate::message::AnyEvent;
use crate::schedule::Keys;

impl Lane {
    /// Lets the later deliveries of this order key wait for a delivery that has died before.
    pub(crate) fn push_blocking(&self, delivery: Delivery, keys: Keys) {
        self.state().schedule.push_blocking(delivery, keys);
        self.shared.lifecycle.note_change();
    }

    /// Delivers an event in memory again that blocks its order key: before those that wait behind it. Returns whether there
    /// is one.
    pub(crate) fn resume_blocking(&self, event: &AnyEvent) -> bool {
        let lifecycle = &self.shared.lifecycle;
        lifecycle.begin();
        let is_blocking = self.state().schedule.resume(
            |delivery| delivery.event.id() == event.id(),
            |delivery| {
                delivery.event = event.clone();
                // Its permit was given back when it died.
                delivery.receipt.token = None;
            },
        );
        if is_blocking {
            self.work.notify_one();
        } else {
            lifecycle.end();
        }
        is_blocking
    }

    /// The event with this id does not block its order key any more: those behind it follow.
    pub(crate) fn release_blocking(&self, event: Uuid) {
        if self.state().schedule.remove_blocking(|delivery| delivery.event.id() == event) {
            self.work.notify_one();
        }
    }
}
