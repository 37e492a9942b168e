//! What holds for a lane's room, whoever comes and goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::room::{Place, Room, Wait};

#[derive(Debug, Clone)]
enum Step {
    Enter(u64),
    /// Who has a place, or waits, by position.
    Leave(prop::sample::Index),
    GiveUp(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u64).prop_map(Step::Enter),
        3 => any::<prop::sample::Index>().prop_map(Step::Leave),
        1 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 0..200)
}

/// Everybody in and before the room.
struct Crowd {
    room: Arc<Room>,
    capacity: usize,
    inside: Vec<(u64, Place)>,
    waiting: Vec<(u64, Wait)>,
}

impl Crowd {
    fn new(capacity: usize) -> Self {
        let room = Arc::new(Room::new(capacity));
        Self { room, capacity, inside: Vec::new(), waiting: Vec::new() }
    }

    fn enter(&mut self, tenant: u64) {
        match self.room.enter(tenant) {
            Ok(place) => self.inside.push((tenant, place)),
            Err(wait) => self.waiting.push((tenant, wait)),
        }
        self.let_in();
    }

    fn leave(&mut self, position: usize) -> u64 {
        let (tenant, place) = self.inside.swap_remove(position);
        drop(place);
        self.let_in();
        tenant
    }

    /// Moves those who were let in, in the order in which they came.
    fn let_in(&mut self) {
        for (tenant, mut wait) in std::mem::take(&mut self.waiting) {
            match wait.admitted() {
                Some(place) => self.inside.push((tenant, place)),
                None => self.waiting.push((tenant, wait)),
            }
        }
    }

    fn places(&self) -> BTreeMap<u64, usize> {
        let mut places = BTreeMap::new();
        for (tenant, _) in &self.inside {
            *places.entry(*tenant).or_default() += 1;
        }
        places
    }

    fn check(&self) {
        let taken = self.inside.len();
        assert!(taken <= 2 * self.capacity, "{taken} of {}", self.capacity);
        let places = self.places();
        for (tenant, _) in &self.waiting {
            assert!(taken >= self.capacity, "tenant {tenant} waits although there is room");
            assert!(
                places.contains_key(tenant) || taken == 2 * self.capacity,
                "tenant {tenant} has no place, and waits for others"
            );
        }
    }
}

proptest! {
    #[test]
    fn it_is_never_too_full_and_nobody_waits_without_need(capacity in 1_usize..6, steps in steps()) {
        let mut crowd = Crowd::new(capacity);
        for step in steps {
            match step {
                Step::Enter(tenant) => crowd.enter(tenant),
                Step::Leave(who) if !crowd.inside.is_empty() => {
                    crowd.leave(who.index(crowd.inside.len()));
                }
                Step::GiveUp(who) if !crowd.waiting.is_empty() => {
                    let position = who.index(crowd.waiting.len());
                    crowd.waiting.remove(position);
                    crowd.let_in();
                }
                Step::Leave(_) | Step::GiveUp(_) => {}
            }
            crowd.check();
        }
        crowd.waiting.clear();
        crowd.inside.clear();
        for tenant in 0..capacity {
            prop_assert!(crowd.room.enter(tenant as u64).is_ok(), "a place was lost");
        }
    }
}

#[test]
fn a_thousand_tenants_enter_at_once_while_one_floods() {
    let room = Arc::new(Room::new(1024));
    let flood: Vec<_> = (0..100_000).map(|_| room.enter(0)).collect();
    assert_eq!(flood.iter().filter(|entered| entered.is_ok()).count(), 1024);
    let others: Vec<_> = (1..=1000).map(|tenant| room.enter(tenant)).collect();
    assert!(others.iter().all(Result::is_ok), "they do not wait for the flooder");
    assert!(room.enter(1).is_err(), "but there is a limit");
}

#[test]
fn free_places_go_to_tenants_in_turn() {
    let mut crowd = Crowd::new(4);
    for tenant in [1, 1, 2, 3] {
        crowd.enter(tenant);
    }
    for tenant in [1, 1, 1, 2, 3] {
        crowd.enter(tenant);
    }
    let mut admitted = Vec::new();
    while !crowd.waiting.is_empty() {
        // Whoever has more than one place leaves, so that nobody is a newcomer.
        let places = crowd.places();
        let position = crowd.inside.iter().position(|(tenant, _)| places[tenant] > 1);
        crowd.leave(position.expect("four places, three tenants"));
        admitted.push(crowd.inside.last().expect("somebody was let in").0);
    }
    assert_eq!(admitted, [1, 2, 3, 1, 1]);
}

#[test]
fn those_who_give_up_take_no_memory_and_no_place() {
    let mut crowd = Crowd::new(1);
    crowd.enter(1);
    for _ in 0..10_000 {
        crowd.enter(1);
        crowd.waiting.clear();
    }
    crowd.enter(1);
    assert!(crowd.room.listed() <= 2, "{} are listed", crowd.room.listed());
    crowd.leave(0);
    assert_eq!((crowd.inside.len(), crowd.waiting.len()), (1, 0));
}

#[test]
fn a_place_that_comes_too_late_goes_to_the_next_one() {
    let mut crowd = Crowd::new(1);
    for _ in 0..3 {
        crowd.enter(1);
    }
    // It is let in, but gives up before it sees that.
    let (_, place) = crowd.inside.remove(0);
    drop(place);
    crowd.waiting.remove(0);
    crowd.let_in();
    assert_eq!((crowd.inside.len(), crowd.waiting.len()), (1, 0));
}
