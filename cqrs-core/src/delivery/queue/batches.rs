//! Taking and giving back many deliveries at once.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{Delivery, LaneQueue, Turn};
use crate::handler::{BatchPolicy, ErasedEventHandler};
use crate::message::AnyEvent;

/// What becomes of one delivery of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fate {
    /// It is over.
    Finished,
    /// It failed, and is tried again then.
    Retry(Instant),
    /// It failed together with others, and is tried again without them: now, or then.
    Alone(Option<Instant>),
    /// It was not tried, or that does not count: it comes again.
    Postponed,
    /// Tests only: it is made again from the start.
    Repeat,
}

impl LaneQueue {
    /// The next turns for `worker`, all for one batch: those that are ready, and what stands behind them.
    /// `pick` is as for [`take`](Self::take).
    pub(in super::super) fn take_batch(
        &mut self,
        worker: usize,
        policy: &BatchPolicy,
        pick: impl FnOnce(usize) -> usize,
    ) -> Option<Vec<Turn>> {
        if self.ready.is_empty() {
            return None;
        }
        let first = self.ready.take_at(pick(self.ready.len()))?;
        let tenant = first.keys.tenant;
        let batch = &mut self.running[worker];
        batch.push(first);
        if !batch[0].alone {
            let (first, others) = (company_of(&batch[0], policy), policy.max() - 1);
            if policy.is_across_tenants() {
                self.ready.take_in_turn(others, |it| first.wants(it), |it| batch.push(it));
            } else {
                self.ready.take_of(tenant, others, |it| first.wants(it), |it| batch.push(it));
            }
            // In publish order, each entity's own.
            for leader in 0..batch.len() {
                let Some(entity) = batch[leader].keys.entity else { continue };
                let Some(behind) = self.behind.get_mut(&entity) else { continue };
                while batch.len() < policy.max()
                    && let Some(next) =
                        behind.pop_front_if(|it| it.due.is_none() && first.wants(it))
                {
                    self.followers -= 1;
                    batch.push(next);
                }
            }
        }
        Some(batch.iter().map(Turn::of).collect())
    }

    /// `worker`'s batch came to its end; `fates` are those of its deliveries, in their order. Gives what
    /// is over, and says how many deliveries became ready.
    pub(in super::super) fn end_batch(
        &mut self,
        worker: usize,
        fates: &[Fate],
    ) -> (Vec<Delivery>, usize) {
        let ready_before = self.ready.len();
        let mut finished = Vec::new();
        // By entity, in order, what comes again.
        let mut again: FxHashMap<u64, VecDeque<Delivery>> = FxHashMap::default();
        let mut free = Vec::new();
        let batch = std::mem::take(&mut self.running[worker]);
        for (at, mut delivery) in batch.into_iter().enumerate() {
            let entity = delivery.keys.entity;
            let fate = fates.get(at).copied().unwrap_or(Fate::Postponed);
            let again = entity.map(|entity| again.entry(entity).or_default());
            if !fate.change(&mut delivery) {
                finished.push(delivery);
                continue;
            }
            match again {
                Some(again) => again.push_back(delivery),
                None => free.push(delivery),
            }
        }
        let mut firsts = free;
        for (entity, mut again) in again {
            let first = again.pop_front();
            if first.is_none() {
                self.promote(entity);
                continue;
            }
            firsts.extend(first);
            self.followers += again.len();
            let behind = self.behind.entry(entity).or_default();
            for delivery in again.into_iter().rev() {
                behind.push_front(delivery);
            }
        }
        // In the order in which they were published, as far as they are one tenant's.
        firsts.sort_by_key(|delivery| delivery.event.id());
        for delivery in firsts.into_iter().rev() {
            self.come_again(delivery);
        }
        (finished, self.ready.len().saturating_sub(ready_before))
    }

    /// Ready at once, before others of its tenant; or delayed, where it has to wait.
    fn come_again(&mut self, mut delivery: Delivery) {
        match delivery.due.take() {
            None => self.ready.push_front(delivery.keys.tenant, delivery),
            Some(due) => self.put_off(delivery, due),
        }
    }
}

/// What may stand in a batch with `first`.
fn company_of(first: &Delivery, policy: &BatchPolicy) -> Company {
    let tenant = (!policy.is_across_tenants()).then(|| first.event.clone());
    Company { handler: Arc::clone(&first.handler), of: tenant }
}

struct Company {
    handler: Arc<dyn ErasedEventHandler>,
    /// An event of the only tenant, if there is to be one.
    of: Option<AnyEvent>,
}

impl Company {
    /// Tenants are compared themselves, not by their keys, of which two could be the same.
    fn wants(&self, other: &Delivery) -> bool {
        let is_of_tenant =
            |event: &AnyEvent| event.context().tenant() == other.event.context().tenant();
        !other.alone
            && Arc::ptr_eq(&self.handler, &other.handler)
            && self.of.as_ref().is_none_or(is_of_tenant)
    }
}

impl Fate {
    /// Says whether the delivery comes again.
    fn change(self, delivery: &mut Delivery) -> bool {
        match self {
            Self::Finished => return false,
            Self::Retry(due) => {
                delivery.attempts += 1;
                delivery.due = Some(due);
            }
            Self::Alone(due) => {
                delivery.attempts += 1;
                delivery.alone = true;
                delivery.due = due;
            }
            Self::Postponed => {}
            Self::Repeat => {
                delivery.attempts = 0;
                delivery.repeated = true;
                delivery.alone = false;
            }
        }
        true
    }
}
