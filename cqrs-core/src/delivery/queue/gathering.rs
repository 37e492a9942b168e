//! Deliveries that wait for company, so that a batch fills.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::Instant;

use super::Delivery;
use crate::handler::BatchPolicy;

/// What may become a batch: of one tenant, unless batches mix them, and of one handler's impl.
type Key = (u64, usize);

/// Groups that fill until they are full, or have waited for long enough.
pub(super) struct Gathering {
    policy: BatchPolicy,
    groups: FxHashMap<Key, Group>,
    /// When each has waited for long enough.
    ends: BTreeMap<End, Key>,
    begun: u64,
    len: usize,
}

/// With the group's number, since two may end at once.
type End = (Instant, u64);

struct Group {
    end: End,
    firsts: Vec<Delivery>,
    entities: FxHashSet<u64>,
    /// How many deliveries a batch could have, with those that stand behind the firsts.
    size: usize,
}

impl Gathering {
    pub(super) fn new(policy: BatchPolicy) -> Self {
        Self { policy, groups: FxHashMap::default(), ends: BTreeMap::new(), begun: 0, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.groups.values().flat_map(|group| &group.firsts)
    }

    /// Puts `delivery`, the first one of its entity, to its group. Gives the group once it is full.
    pub(super) fn push(&mut self, delivery: Delivery, now: Instant) -> Option<Vec<Delivery>> {
        let key = self.key(&delivery);
        let group = self.groups.entry(key).or_insert_with(|| {
            self.begun += 1;
            let end = (now + self.policy.longest_linger(), self.begun);
            self.ends.insert(end, key);
            let (firsts, entities) = Default::default();
            Group { end, firsts, entities, size: 0 }
        });
        group.entities.extend(delivery.keys.entity);
        group.firsts.push(delivery);
        group.size += 1;
        self.len += 1;
        self.take_if_full(key)
    }

    /// `delivery` now stands behind another one of its entity. Gives the group that this makes full.
    pub(super) fn followed_by(&mut self, delivery: &Delivery) -> Option<Vec<Delivery>> {
        let key = self.key(delivery);
        let group = self.groups.get_mut(&key)?;
        if delivery.keys.entity.is_some_and(|entity| group.entities.contains(&entity)) {
            group.size += 1;
        }
        self.take_if_full(key)
    }

    /// When the next group has waited for long enough.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first_key_value().map(|((end, _), _)| *end)
    }

    /// A group that has waited for long enough by `now`.
    pub(super) fn take_ended(&mut self, now: Instant) -> Option<Vec<Delivery>> {
        let ((end, _), key) = self.ends.first_key_value()?;
        if *end <= now { self.take(*key) } else { None }
    }

    /// Everything, however short it has waited.
    pub(super) fn take_all(&mut self) -> Vec<Delivery> {
        self.ends.clear();
        self.len = 0;
        self.groups.drain().flat_map(|(_, group)| group.firsts).collect()
    }

    fn take_if_full(&mut self, key: Key) -> Option<Vec<Delivery>> {
        let is_full = self.groups.get(&key).is_some_and(|group| group.size >= self.policy.max());
        if is_full { self.take(key) } else { None }
    }

    fn take(&mut self, key: Key) -> Option<Vec<Delivery>> {
        let Group { end, firsts, .. } = self.groups.remove(&key)?;
        self.ends.remove(&end);
        self.len -= firsts.len();
        Some(firsts)
    }

    fn key(&self, delivery: &Delivery) -> Key {
        let tenant = if self.policy.is_across_tenants() { 0 } else { delivery.keys.tenant };
        (tenant, Arc::as_ptr(&delivery.handler).addr())
    }
}
