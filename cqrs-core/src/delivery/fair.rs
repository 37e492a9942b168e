//! Tenants take turns.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// How much room a queue keeps once it is empty.
const KEPT_CAPACITY: usize = 1024;

/// How many tenants without items are kept, beside as many as have some.
const KEPT_TENANTS: usize = 64;

/// Items of many tenants: in order within a tenant, while tenants take turns, one item at a time.
///
/// However many items one tenant has, another's first one waits for at most one of each other tenant.
/// That is the fair queueing of Nagle, "On Packet Switches with Infinite Storage" (RFC 970, 1985).
/// Putting and taking take constant time.
pub(super) struct Fair<T> {
    /// Some of them are empty: most tenants come again.
    tenants: Vec<Tenant<T>>,
    by_key: FxHashMap<u64, usize>,
    /// Each tenant that has items, once.
    turns: VecDeque<usize>,
    /// Who came last, since that is often who comes next.
    latest: usize,
    len: usize,
}

struct Tenant<T> {
    key: u64,
    items: VecDeque<T>,
}

impl<T> Fair<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// After what the tenant has already.
    pub(super) fn push_back(&mut self, tenant: u64, item: T) {
        let tenant = self.tenant(tenant);
        let items = &mut self.tenants[tenant].items;
        if items.is_empty() {
            self.turns.push_back(tenant);
        }
        items.push_back(item);
        self.len += 1;
    }

    /// Before what the tenant has already; if it has nothing, its turn is next.
    pub(super) fn push_front(&mut self, tenant: u64, item: T) {
        let tenant = self.tenant(tenant);
        let items = &mut self.tenants[tenant].items;
        if items.is_empty() {
            self.turns.push_front(tenant);
        }
        items.push_front(item);
        self.len += 1;
    }

    /// The first item of the tenant whose turn it is.
    pub(super) fn take(&mut self) -> Option<T> {
        let tenant = self.turns.pop_front()?;
        let items = &mut self.tenants[tenant].items;
        let item = items.pop_front()?;
        self.len -= 1;
        if items.is_empty() {
            items.shrink_to(KEPT_CAPACITY);
            self.forget_the_idle();
        } else {
            self.turns.push_back(tenant);
        }
        Some(item)
    }

    /// Any item, counted in the order of turns. For tests that shuffle: it takes as long as there are
    /// tenants.
    pub(super) fn take_at(&mut self, index: usize) -> Option<T> {
        if index == 0 {
            return self.take();
        }
        let mut left = index;
        for turn in 0..self.turns.len() {
            let items = &mut self.tenants[self.turns[turn]].items;
            if left >= items.len() {
                left -= items.len();
                continue;
            }
            let item = items.remove(left)?;
            self.len -= 1;
            if items.is_empty() {
                self.turns.remove(turn);
            }
            return Some(item);
        }
        None
    }

    /// Up to `count` items of one tenant that `is_wanted`, in order. Looks at twice as many.
    pub(super) fn take_of(
        &mut self,
        tenant: u64,
        count: usize,
        is_wanted: impl Fn(&T) -> bool,
        give: impl FnMut(T),
    ) {
        let tenant = self.tenant(tenant);
        self.take_wanted(tenant, count, is_wanted, give);
        // It has just had its turn, so it is last.
        if self.tenants[tenant].items.is_empty()
            && let Some(turn) = self.turns.iter().rposition(|turn| *turn == tenant)
        {
            self.turns.remove(turn);
        }
        self.forget_the_idle();
    }

    /// Up to `count` items that `is_wanted`, the same number of each tenant where they have as many.
    pub(super) fn take_in_turn(
        &mut self,
        mut count: usize,
        is_wanted: impl Fn(&T) -> bool,
        mut give: impl FnMut(T),
    ) {
        loop {
            let tenants = self.turns.len();
            let share = count.checked_div(tenants).unwrap_or(0).max(1);
            let before = count;
            for _ in 0..tenants.min(count) {
                let Some(tenant) = self.turns.pop_front() else { break };
                count -= self.take_wanted(tenant, share.min(count), &is_wanted, &mut give);
                if !self.tenants[tenant].items.is_empty() {
                    self.turns.push_back(tenant);
                }
            }
            if count == before || count == 0 {
                break;
            }
        }
        self.forget_the_idle();
    }

    /// Says how many were taken.
    fn take_wanted(
        &mut self,
        tenant: usize,
        count: usize,
        is_wanted: impl Fn(&T) -> bool,
        mut give: impl FnMut(T),
    ) -> usize {
        let items = &mut self.tenants[tenant].items;
        let (mut taken, mut passed) = (0, VecDeque::new());
        for _ in 0..count.saturating_mul(2).min(items.len()) {
            if taken == count {
                break;
            }
            let Some(item) = items.pop_front() else { break };
            if is_wanted(&item) {
                taken += 1;
                give(item);
            } else {
                passed.push_front(item);
            }
        }
        for item in passed {
            items.push_front(item);
        }
        if items.is_empty() {
            items.shrink_to(KEPT_CAPACITY);
        }
        self.len -= taken;
        taken
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.turns.iter().flat_map(|tenant| &self.tenants[*tenant].items)
    }

    /// Takes everything, tenant by tenant.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        let Self { mut tenants, turns, .. } = std::mem::take(self);
        turns.into_iter().flat_map(move |tenant| std::mem::take(&mut tenants[tenant].items))
    }

    /// Where this tenant is kept.
    fn tenant(&mut self, key: u64) -> usize {
        if self.tenants.get(self.latest).is_none_or(|latest| latest.key != key) {
            let Self { tenants, by_key, .. } = self;
            self.latest = *by_key.entry(key).or_insert_with(|| {
                tenants.push(Tenant { key, items: VecDeque::new() });
                tenants.len() - 1
            });
        }
        self.latest
    }

    /// Takes constant time on average: it comes after as many tenants as it looks at.
    fn forget_the_idle(&mut self) {
        if self.tenants.len() <= 2 * self.turns.len() + KEPT_TENANTS {
            return;
        }
        let mut kept = Vec::with_capacity(self.turns.len());
        self.by_key.clear();
        for turn in &mut self.turns {
            let Tenant { key, items } = &mut self.tenants[*turn];
            *turn = kept.len();
            self.by_key.insert(*key, kept.len());
            kept.push(Tenant { key: *key, items: std::mem::take(items) });
        }
        self.tenants = kept;
    }
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        let (tenants, by_key, turns) = Default::default();
        Self { tenants, by_key, turns, latest: 0, len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_with_one_item_waits_for_one_of_each_other_however_many_they_have() {
        let mut fair = Fair::default();
        for number in 0..100_000 {
            fair.push_back(1, (1, number));
        }
        fair.push_back(2, (2, 0));
        fair.push_back(3, (3, 0));
        let first: Vec<_> = std::iter::from_fn(|| fair.take()).take(5).collect();
        assert_eq!(first, [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2)]);
        assert_eq!(fair.len(), 99_997);
    }

    #[test]
    fn tenants_that_come_once_are_forgotten() {
        let mut fair = Fair::default();
        for tenant in 0..10_000 {
            fair.push_back(tenant, ());
            fair.take();
        }
        assert!(fair.tenants.len() <= KEPT_TENANTS + 1, "{}", fair.tenants.len());
        assert_eq!(fair.tenants.len(), fair.by_key.len());
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
            let taken = fair.take_at(index).expect("there are four");
            let mut all: Vec<_> = std::iter::from_fn(|| fair.take()).collect();
            assert!(fair.is_empty() && !all.contains(&taken));
            all.push(taken);
            all.sort_unstable();
            assert_eq!(all, ['a', 'b', 'c', 'd']);
        }
        assert_eq!(filled().take_at(4), None);
        assert_eq!(filled().drain().collect::<String>(), "acbd");
    }
}
