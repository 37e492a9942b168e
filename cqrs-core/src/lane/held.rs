//! Dead letters that hold their order keys: the later deliveries of these keys wait.

use uuid::Uuid;

use super::{Delivery, Lane};
use crate::message::AnyEvent;
use crate::schedule::Keys;

impl Lane {
    /// Lets the later deliveries of this order key wait for a delivery that has died before.
    pub(crate) fn push_held(&self, delivery: Delivery, keys: Keys) {
        self.state().schedule.push_held(delivery, keys);
        self.shared.lifecycle.note_change();
    }

    /// Delivers an event in memory again that holds its order key: before those that wait behind it. Returns whether there
    /// is one.
    pub(crate) fn resume_held(&self, event: &AnyEvent) -> bool {
        let lifecycle = &self.shared.lifecycle;
        lifecycle.begin();
        let is_held = self.state().schedule.resume(
            |delivery| delivery.event.id() == event.id(),
            |delivery| {
                delivery.event = event.clone();
                // Its permit was given back when it died.
                delivery.receipt.token = None;
            },
        );
        if is_held {
            self.work.notify_one();
        } else {
            lifecycle.end();
        }
        is_held
    }

    /// The event with this id does not hold its order key any more: those behind it follow.
    pub(crate) fn release_held(&self, event: Uuid) {
        if self.state().schedule.remove_held(|delivery| delivery.event.id() == event) {
            self.work.notify_one();
        }
    }
}
