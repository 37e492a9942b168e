//! What is true of the capacity of a queue, whatever publishers do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::capacity::{Capacity, Turn};

#[derive(Debug, Clone)]
enum Step {
    Publish(u64),
    /// The delivery at this position is settled.
    Settle(prop::sample::Index),
    /// The waiting publisher at this position gives up.
    GiveUp(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u64).prop_map(Step::Publish),
        3 => any::<prop::sample::Index>().prop_map(Step::Settle),
        1 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 0..200)
}

/// All deliveries in a queue, and all publishers before it, by tenant.
struct Checked<'a> {
    capacity: &'a Capacity,
    limit: usize,
    queued: Vec<u64>,
    waiting: Vec<(u64, Turn<'a>)>,
}

impl<'a> Checked<'a> {
    fn new(capacity: &'a Capacity, limit: usize) -> Self {
        Self { capacity, limit, queued: Vec::new(), waiting: Vec::new() }
    }

    fn publish(&mut self, tenant: u64) {
        if self.capacity.try_take(tenant, false) {
            self.queued.push(tenant);
        } else {
            self.waiting.push((tenant, self.capacity.wait(tenant)));
        }
        self.take_turns();
    }

    fn settle(&mut self, position: usize) -> u64 {
        let tenant = self.queued.swap_remove(position);
        self.capacity.give_back(tenant);
        self.take_turns();
        tenant
    }

    /// Publishers whose turn has come are queued, in the order in which they came.
    fn take_turns(&mut self) {
        for (tenant, mut turn) in std::mem::take(&mut self.waiting) {
            if turn.has_come() {
                self.queued.push(tenant);
            } else {
                self.waiting.push((tenant, turn));
            }
        }
    }

    fn by_tenant(&self) -> BTreeMap<u64, usize> {
        let mut queued = BTreeMap::new();
        for tenant in &self.queued {
            *queued.entry(*tenant).or_default() += 1;
        }
        queued
    }

    fn check(&self) {
        let queued = self.queued.len();
        assert!(queued <= 2 * self.limit, "{queued} of {}", self.limit);
        let by_tenant = self.by_tenant();
        for (tenant, _) in &self.waiting {
            assert!(queued >= self.limit, "tenant {tenant} waits although there is a permit");
            assert!(
                by_tenant.contains_key(tenant) || queued == 2 * self.limit,
                "tenant {tenant} has no permit, and waits for others"
            );
        }
    }
}

proptest! {
    #[test]
    fn the_limit_holds_and_no_publisher_waits_without_need(limit in 1_usize..6, steps in steps()) {
        let capacity = Capacity::new(limit);
        let mut checked = Checked::new(&capacity, limit);
        for step in steps {
            match step {
                Step::Publish(tenant) => checked.publish(tenant),
                Step::Settle(which) if !checked.queued.is_empty() => {
                    checked.settle(which.index(checked.queued.len()));
                }
                Step::GiveUp(which) if !checked.waiting.is_empty() => {
                    checked.waiting.remove(which.index(checked.waiting.len()));
                    checked.take_turns();
                }
                Step::Settle(_) | Step::GiveUp(_) => {}
            }
            checked.check();
        }
        checked.waiting.clear();
        checked.queued.drain(..).for_each(|tenant| capacity.give_back(tenant));
        for tenant in 0..limit {
            prop_assert!(capacity.try_take(tenant as u64, false), "a permit was lost");
        }
    }
}

#[test]
fn a_thousand_tenants_publish_at_once_while_one_floods() {
    let capacity = Capacity::new(1024);
    let flood = (0..100_000).filter(|_| capacity.try_take(0, false)).count();
    assert_eq!(flood, 1024);
    assert!((1..=1000).all(|tenant| capacity.try_take(tenant, false)), "they wait for the flooder");
    assert!(!capacity.try_take(1, false), "but there is a limit");
}

#[test]
fn free_permits_go_to_tenants_in_turns() {
    let capacity = Capacity::new(4);
    let mut checked = Checked::new(&capacity, 4);
    for tenant in [1, 1, 2, 3] {
        checked.publish(tenant);
    }
    for tenant in [1, 1, 1, 2, 3] {
        checked.publish(tenant);
    }
    let mut admitted = Vec::new();
    while !checked.waiting.is_empty() {
        // A tenant that has more than one gives one back, so that no tenant is without.
        let by_tenant = checked.by_tenant();
        let position = checked.queued.iter().position(|tenant| by_tenant[tenant] > 1);
        checked.settle(position.expect("four permits, three tenants"));
        admitted.push(*checked.queued.last().expect("one was admitted"));
    }
    assert_eq!(admitted, [1, 2, 3, 1, 1]);
}

#[test]
fn publishers_that_give_up_take_no_memory_and_no_permit() {
    let capacity = Capacity::new(1);
    let mut checked = Checked::new(&capacity, 1);
    checked.publish(1);
    for _ in 0..10_000 {
        checked.publish(1);
        checked.waiting.clear();
    }
    checked.publish(1);
    assert_eq!(capacity.waiting(), 1);
    checked.settle(0);
    assert_eq!((checked.queued.len(), checked.waiting.len()), (1, 0));
}

#[test]
fn a_turn_that_comes_too_late_goes_to_the_next_publisher() {
    let capacity = Capacity::new(1);
    let mut checked = Checked::new(&capacity, 1);
    for _ in 0..3 {
        checked.publish(1);
    }
    // The first one has its turn, but gives up before it sees that.
    capacity.give_back(1);
    checked.queued.clear();
    checked.waiting.remove(0);
    checked.take_turns();
    assert_eq!((checked.queued.len(), checked.waiting.len()), (1, 0));
}

#[test]
fn a_publisher_that_had_its_turn_is_not_made_to_wait_again() {
    let capacity = Capacity::new(1);
    assert!(capacity.try_take(1, false));
    assert!(!capacity.try_take(1, false));
    assert!(capacity.try_take(1, true));
}
