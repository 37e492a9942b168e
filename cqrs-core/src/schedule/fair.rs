//! A fair queue of items of many tenants.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// An empty queue that is reused for the next tenant keeps at most this capacity.
const KEPT_CAPACITY: usize = 1024;

/// How many empty queues are kept for reuse.
const KEPT_QUEUES: usize = 8;

/// Items of many tenants: in order within a tenant, while tenants take turns, one item at a time.
///
/// However many items one tenant has, another tenant's first item waits for at most one of each other
/// tenant. That is the fair queueing of Nagle, "On Packet Switches with Infinite Storage" (RFC 970, 1985).
/// Adding and taking take constant time.
pub(crate) struct Fair<T> {
    /// The items of each tenant that has some.
    tenants: FxHashMap<u64, VecDeque<T>>,
    /// Each of these tenants once, in the order of their turns.
    turns: VecDeque<u64>,
    /// Empty queues for reuse, so that a tenant with few items needs no new allocation.
    spare: Vec<VecDeque<T>>,
    len: usize,
}

impl<T> Fair<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn has(&self, tenant: u64) -> bool {
        self.tenants.contains_key(&tenant)
    }

    /// Adds an item after the other items of the tenant.
    #[inline]
    pub(crate) fn push_back(&mut self, tenant: u64, item: T) {
        let (turns, spare) = (&mut self.turns, &mut self.spare);
        let items = self.tenants.entry(tenant).or_insert_with(|| {
            turns.push_back(tenant);
            spare.pop().unwrap_or_default()
        });
        items.push_back(item);
        self.len += 1;
    }

    /// Adds an item before the other items of the tenant. A tenant without other items gets the next turn.
    pub(crate) fn push_front(&mut self, tenant: u64, item: T) {
        let (turns, spare) = (&mut self.turns, &mut self.spare);
        let items = self.tenants.entry(tenant).or_insert_with(|| {
            turns.push_front(tenant);
            spare.pop().unwrap_or_default()
        });
        items.push_front(item);
        self.len += 1;
    }

    /// Takes the first item of the tenant whose turn it is.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<(u64, T)> {
        let tenant = self.turns.pop_front()?;
        let items = self.tenants.get_mut(&tenant)?;
        let item = items.pop_front()?;
        self.len -= 1;
        if items.is_empty() {
            self.forget(tenant);
        } else {
            self.turns.push_back(tenant);
        }
        Some((tenant, item))
    }

    /// Takes the item at any index, in the order of turns. For tests that shuffle: its time grows with the
    /// number of tenants.
    #[inline]
    pub(crate) fn take_at(&mut self, index: usize) -> Option<(u64, T)> {
        if index == 0 {
            return self.take();
        }
        let mut left = index;
        for tenant in self.turns.clone() {
            let items = self.tenants.get_mut(&tenant)?;
            if left < items.len() {
                let item = items.remove(left)?;
                self.len -= 1;
                self.end_turns_if_empty(tenant);
                return Some((tenant, item));
            }
            left -= items.len();
        }
        None
    }

    /// Takes the first item of this tenant, out of turn.
    pub(crate) fn take_of(&mut self, tenant: u64) -> Option<T> {
        let item = self.tenants.get_mut(&tenant)?.pop_front()?;
        self.len -= 1;
        self.end_turns_if_empty(tenant);
        Some(item)
    }

    /// Takes up to `count` items of one tenant that `is_wanted` accepts, in order. Looks at no more than
    /// twice as many.
    pub(crate) fn take_some_of(
        &mut self,
        tenant: u64,
        count: usize,
        is_wanted: impl Fn(&T) -> bool,
        give: impl FnMut(T),
    ) -> usize {
        let taken = self.take_wanted(tenant, count, is_wanted, give);
        self.end_turns_if_empty(tenant);
        taken
    }

    /// Takes up to `count` items that `is_wanted` accepts: the same number from each tenant, if it has as
    /// many.
    pub(crate) fn take_some_in_turns(
        &mut self,
        mut count: usize,
        is_wanted: impl Fn(&T) -> bool,
        mut give: impl FnMut(T),
    ) {
        loop {
            let before = count;
            let share = count.checked_div(self.turns.len()).unwrap_or(0).max(1);
            for _ in 0..self.turns.len().min(count) {
                let Some(tenant) = self.turns.pop_front() else { break };
                count -= self.take_wanted(tenant, share.min(count), &is_wanted, &mut give);
                if !self.forget_if_empty(tenant) {
                    self.turns.push_back(tenant);
                }
            }
            if count == before || count == 0 {
                return;
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.turns.iter().flat_map(|tenant| &self.tenants[tenant])
    }

    /// Takes everything, tenant by tenant.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let Self { mut tenants, turns, .. } = std::mem::take(self);
        turns.into_iter().flat_map(move |tenant| tenants.remove(&tenant).unwrap_or_default())
    }

    /// Keeps only the items that `is_kept` accepts.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        self.tenants.retain(|_, items| {
            items.retain(&mut is_kept);
            !items.is_empty()
        });
        let tenants = &self.tenants;
        self.turns.retain(|tenant| tenants.contains_key(tenant));
        self.len = tenants.values().map(VecDeque::len).sum();
    }

    fn take_wanted(
        &mut self,
        tenant: u64,
        count: usize,
        is_wanted: impl Fn(&T) -> bool,
        mut give: impl FnMut(T),
    ) -> usize {
        let Some(items) = self.tenants.get_mut(&tenant) else { return 0 };
        let (mut taken, mut passed) = (0, Vec::new());
        for _ in 0..count.saturating_mul(2).min(items.len()) {
            let Some(item) = items.pop_front_if(|_| taken < count) else { break };
            if is_wanted(&item) {
                taken += 1;
                give(item);
            } else {
                passed.push(item);
            }
        }
        for item in passed.into_iter().rev() {
            items.push_front(item);
        }
        self.len -= taken;
        taken
    }

    fn end_turns_if_empty(&mut self, tenant: u64) {
        if self.forget_if_empty(tenant)
            // The tenant often has just had its turn, so it is last.
            && let Some(turn) = self.turns.iter().rposition(|turn| *turn == tenant)
        {
            self.turns.remove(turn);
        }
    }

    fn forget_if_empty(&mut self, tenant: u64) -> bool {
        if self.tenants.get(&tenant).is_some_and(|items| !items.is_empty()) {
            return false;
        }
        self.forget(tenant);
        true
    }

    fn forget(&mut self, tenant: u64) {
        if let Some(items) = self.tenants.remove(&tenant)
            && self.spare.len() < KEPT_QUEUES
            && items.capacity() <= KEPT_CAPACITY
        {
            self.spare.push(items);
        }
    }
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        let (tenants, turns, spare) = Default::default();
        Self { tenants, turns, spare, len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<T>(fair: &mut Fair<T>) -> Vec<T> {
        std::iter::from_fn(|| fair.take()).map(|(_, item)| item).collect()
    }

    #[test]
    fn a_tenant_with_one_item_waits_for_one_of_each_other_however_many_they_have() {
        let mut fair = Fair::default();
        for number in 0..100_000 {
            fair.push_back(1, (1, number));
        }
        fair.push_back(2, (2, 0));
        fair.push_back(3, (3, 0));
        let first: Vec<_> = (0..5).filter_map(|_| fair.take()).map(|(_, item)| item).collect();
        assert_eq!(first, [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2)]);
        assert_eq!(fair.len(), 99_997);
    }

    #[test]
    fn any_item_can_be_taken_and_the_others_keep_their_order() {
        let filled = || {
            let mut fair = Fair::default();
            for (tenant, item) in [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd')] {
                fair.push_back(tenant, item);
            }
            fair
        };
        for index in 0..4 {
            let mut fair = filled();
            let (_, item) = fair.take_at(index).expect("there are four");
            let mut all = taken(&mut fair);
            assert!(fair.is_empty() && !all.contains(&item));
            all.push(item);
            all.sort_unstable();
            assert_eq!(all, ['a', 'b', 'c', 'd']);
        }
        assert_eq!(filled().take_at(4), None);
        assert_eq!(filled().drain().collect::<String>(), "acbd");
    }

    #[test]
    fn tenants_without_items_take_no_memory() {
        let mut fair = Fair::default();
        for tenant in 0..10_000 {
            fair.push_back(tenant, tenant);
            fair.take();
        }
        assert_eq!((fair.tenants.len(), fair.turns.len(), fair.spare.len()), (0, 0, 1));
    }
}
