//! Deliveries that fail for good.

use std::sync::Arc;

use jiff::Timestamp;

use super::Slice;
use crate::context::Effect as _;
use crate::handler::{DeadLetters, DeliveryError};
use crate::lane::{Origin as _, Verdict};
use crate::log::{DeadDelivery, LoggedEvent, Position};
use crate::message::AnyEvent;
use crate::subscription::codec::{Content, Read};

impl Slice {
    /// A delivery has failed for good. If it `blocks` its order key, the lane lets those behind it wait.
    pub(super) fn die(
        &self,
        position: Position,
        event: &AnyEvent,
        attempts: u32,
        error: &DeliveryError,
        blocks: bool,
    ) {
        let verdict = Verdict::Dead { attempts, error, blocks };
        if self.discards_dead_letters() {
            return self.end(position, event, verdict, |tracker| {
                tracker.settle(position);
            });
        }
        let error = event.redacted_text(error);
        if blocks {
            return self.end(position, event, verdict, |tracker| {
                tracker.block(position, attempts, error, Timestamp::now());
            });
        }
        match self.shared.codec.logged(position, event) {
            Ok(logged) => {
                let dead = DeadDelivery { event: logged, attempts, error };
                self.end(position, event, verdict, |tracker| tracker.dead(position, dead));
            }
            // It stays open, and is handled again after a restart.
            Err(error) => {
                let handler = self.subscriber.name();
                tracing::error!(handler, event = event.name(), %error, "a dead letter cannot be written");
                self.end(position, event, verdict, |_| ());
            }
        }
    }

    /// A delivery that is open or parked has failed for good, because its event cannot be read.
    pub(super) fn die_unread(self: &Arc<Self>, read: &Read, logged: &LoggedEvent, error: &str) {
        let of = &logged.event;
        let (handler, event, position) = (self.subscriber.name(), &*of.name, read.position);
        if self.discards_dead_letters() {
            tracing::warn!(handler, event, position = position.0, "{error}; it is discarded");
            self.state().ways.tracker_of(position).settle(position);
            return;
        }
        tracing::error!(handler, event, position = position.0, "{error}; it is a dead letter now");
        let (kind, error) = ((event, of.version), error.to_owned());
        let deaths = self.subscriber.lane.deaths();
        let death = deaths.of_unreadable(handler, kind, &of.context, &of.payload, &error);
        if let Some(death) = death {
            Box::new(death).carry_out();
        }
        if self.subscriber.blocks(read) {
            let mut state = self.state();
            state.ways.tracker_of(position).block(position, 0, error, Timestamp::now());
            drop(state);
            return self.block(read);
        }
        let dead = DeadDelivery { event: logged.clone(), attempts: 0, error };
        self.state().ways.tracker_of(position).dead(position, dead);
    }

    /// Lets the later events of the order key of `read`, which is dead, wait in the lane, if the handler wants that.
    pub(super) fn block(self: &Arc<Self>, read: &Read) {
        if !self.subscriber.blocks(read) {
            return;
        }
        let (delivery, keys) = match &read.content {
            Content::Event(event) => self.delivery(event, 0, read),
            Content::Unreadable { logged, .. } => {
                self.delivery(&self.shared.codec.show(&logged.event), 0, read)
            }
        };
        let lane = &self.subscriber.lane;
        lane.push_blocking(delivery, keys);
        // It may have been revoked meanwhile.
        if self.takes_back() {
            lane.release_waiting();
        }
    }

    fn discards_dead_letters(&self) -> bool {
        self.subscriber.lane.options.dead_letters == DeadLetters::Discard
    }
}
