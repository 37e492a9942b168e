//! Where the deliveries of one handler come from, in memory.

use std::sync::{Arc, Weak};

use jiff::Timestamp;

use super::capacity::Capacity;
use super::letters::{DeadLetter, Letters};
use super::waiters::Waiters;
use crate::context::message_id;
use crate::handler::{DeadLetters, Order};
use crate::lane::{Delivery, Lane, Origin, Receipt, Verdict};
use crate::message::AnyEvent;
use crate::runtime::Lifecycle;
use crate::schedule::Keys;

/// What one handler is fed from: it counts its deliveries, and hears what becomes of each.
pub(super) struct Feed {
    pub(super) handler: Arc<str>,
    pub(super) lane: Weak<Lane>,
    pub(super) dead_letters: DeadLetters,
    pub(super) capacity: Capacity,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) letters: Arc<Letters>,
    pub(super) waiters: Arc<Waiters>,
}

impl Origin for Feed {
    /// The token is the tenant whose permit the delivery has, if it has one.
    fn settle(&self, event: &AnyEvent, token: Option<u64>, verdict: Verdict<'_>) {
        match verdict {
            // It may wait at a paused handler now, for which a shutdown does not wait.
            Verdict::Retry { .. } => return self.lifecycle.note_change(),
            Verdict::Dead { attempts, error, blocks }
                if self.dead_letters != DeadLetters::Discard =>
            {
                self.letters.add(DeadLetter {
                    id: message_id::new(),
                    handler: Arc::clone(&self.handler),
                    event: event.clone(),
                    attempts,
                    error: error.clone(),
                    died_at: Timestamp::now(),
                    blocks: blocks.then(|| Weak::clone(&self.lane)),
                });
            }
            Verdict::Done { .. } | Verdict::Dead { .. } | Verdict::Release => {}
        }
        self.waiters.settle(&self.handler, event, verdict);
        if let Some(tenant) = token {
            self.capacity.give_back(tenant);
        }
        // Last, so that a settled application shows everything that came before.
        self.lifecycle.end();
    }
}

/// One event type of one handler.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) lane: Arc<Lane>,
    pub(super) feed: Arc<Feed>,
    /// Which of the handler's events it is.
    pub(super) index: usize,
}

impl Route {
    /// The keys by which the handler orders an event that has these keys.
    pub(super) fn keys(&self, keys: Keys) -> Keys {
        let order = match self.lane.options.order {
            Order::Key => keys.order,
            Order::Tenant => Some(keys.tenant),
            Order::None => None,
        };
        Keys { order, ..keys }
    }

    /// Hands `event` to the handler. `has_permit` says whether the tenant has a permit for it.
    pub(crate) fn push(&self, event: AnyEvent, keys: Keys, has_permit: bool) {
        self.feed.lifecycle.begin();
        let origin: Arc<dyn Origin> = Arc::clone(&self.feed) as _;
        let receipt = Receipt { origin, token: has_permit.then_some(keys.tenant) };
        self.lane.push(Delivery { event, route: self.index, receipt }, keys);
    }
}
