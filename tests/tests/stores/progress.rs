//! How far each subscription has come.

use std::slice;

use cqrs_core::log::{
    Change, Claim, DeadDelivery, Edit, Position, ResetTo, SeenEvent, StoreError, SubscriptionId,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::harness::Harness;
use crate::support::{
    LONG, Member, SHORT, append, change, dead_of, failed, read_all, save, seen, subscribe, waiting,
};

fn checkpoint(claim: &Claim, subscription: SubscriptionId) -> Position {
    let mut checkpoints = claim.checkpoints.iter().filter(|(id, _)| *id == subscription);
    let checkpoint = checkpoints.next().expect("its checkpoint").1;
    assert_eq!(checkpoints.next(), None);
    checkpoint
}

pub(crate) async fn a_checkpoint_is_where_the_next_owner_begins(harness: impl Harness) {
    let store = harness.store();
    let [index, mail] = subscribe(&*store, ["index", "mail"]).await;
    append(&*store, 4, 9).await;
    let (member, leases) = Member::alone(store).await;
    save(&*member.store, change(index, leases[&4], Position(3))).await;
    save(&*member.store, change(index, leases[&4], Position(8))).await;
    member.release(&[leases[&4]]).await;
    let next = Member::join(harness.another().await, LONG).await;
    let claims = next.claim(usize::MAX, &[index, mail]).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(checkpoint(&claims[0], index), Position(8));
    assert_eq!(checkpoint(&claims[0], mail), Position::START);
    let again = next.claim_again(claims[0].lease, &[mail]).await;
    assert_eq!(again.checkpoints, [(mail, Position::START)]);
}

/// A node that has lost its shards to another one, which has given shard 4 back to it.
async fn after_a_pause(harness: &impl Harness) -> (Member, Vec<Claim>, Member, Vec<Claim>) {
    let shards = usize::from(harness.store().profile().shards);
    let mut old = Member::join(harness.store(), SHORT).await;
    let mut stale = old.claim(usize::MAX, &[]).await;
    let new = Member::join(harness.another().await, LONG).await;
    let mut valid = new.claim_all(shards, &[]).await;
    old.node.ttl = LONG;
    old.beat().await;
    stale.sort_by_key(|claim| claim.lease.shard);
    valid.sort_by_key(|claim| claim.lease.shard);
    (old, stale, new, valid)
}

pub(crate) async fn a_stale_change_is_refused_and_others_are_saved(harness: impl Harness) {
    let [index] = subscribe(&*harness.store(), ["index"]).await;
    append(&*harness.store(), 4, 9).await;
    let (old, stale, new, valid) = after_a_pause(&harness).await;
    new.release(&[valid[4].lease]).await;
    let own = old.claim(usize::MAX, &[]).await[0].lease;
    let changes = [
        change(index, stale[3].lease, Position(1)),
        change(index, own, Position(2)),
        change(index, stale[5].lease, Position(3)),
    ];
    let lost = old.store.save(&changes, &[]).await.unwrap();
    assert_eq!(lost, [stale[3].lease, stale[5].lease]);
    assert_eq!(checkpoint(&old.claim_again(own, &[index]).await, index), Position(2));
    for shard in [3, 5] {
        let claim = new.claim_again(valid[shard].lease, &[index]).await;
        assert_eq!(checkpoint(&claim, index), Position::START);
    }
}

pub(crate) async fn nothing_of_a_stale_change_is_saved(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 9).await;
    let event = read_all(&*store).await[0].clone();
    let (old, stale, new, valid) = after_a_pause(&harness).await;
    let parked = vec![failed(positions[0], 1), waiting(positions[1])];
    let saved = change(index, valid[4].lease, positions[1]);
    save(&*new.store, Change { park: parked.clone(), ..saved }).await;

    let refused = Change {
        park: vec![failed(positions[1], 9), failed(positions[2], 1)],
        unpark: vec![positions[0]],
        dead: vec![DeadDelivery { event, attempts: 3, error: "refused".to_owned() }],
        forget_done: true,
        ..change(index, stale[4].lease, positions[8])
    };
    assert_eq!(old.store.save(&[refused], &[]).await.unwrap(), [stale[4].lease]);
    let claim = new.claim_again(valid[4].lease, &[index]).await;
    assert_eq!(claim.checkpoints, [(index, positions[1])]);
    assert_eq!(claim.parked, parked.into_iter().map(|it| (index, it)).collect::<Vec<_>>());
    assert_eq!(dead_of(&*harness.store(), index).await, []);
}

pub(crate) async fn nothing_is_saved_in_another_log(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 9).await;
    let events = seen(&*store, &positions).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let plain = change(index, leases[&4], positions[8]);
    let parking =
        Change { park: vec![failed(positions[7], 1)], forget_done: true, ..plain.clone() };
    let other = SeenEvent { id: Uuid::now_v7(), ..events[6] };
    let beyond = SeenEvent { position: Position(10), ..events[8] };
    for change in [&plain, &parking] {
        for unknown in [other, beyond] {
            let saved = store.save(slice::from_ref(change), &[events[2], unknown]).await;
            let Err(StoreError::WentBack { end, seen }) = saved else { panic!("{saved:?}") };
            assert_eq!((end, seen), (positions[8], unknown.position));
        }
    }
    let claim = member.claim_again(leases[&4], &[index]).await;
    assert_eq!(
        (&claim.checkpoints[..], &claim.parked[..]),
        (&[(index, Position::START)][..], &[][..])
    );
    let change = Change { lease: claim.lease, ..parking };
    assert_eq!(store.save(&[change], &[events[2], events[8]]).await.unwrap(), []);
    let claim = member.claim_again(claim.lease, &[index]).await;
    assert_eq!(claim.checkpoints, [(index, positions[8])]);
    assert_eq!(claim.parked, [(index, failed(positions[7], 1))]);
}

pub(crate) async fn a_log_is_known_by_an_event_that_was_pruned(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 3).await;
    let events = seen(&*store, &positions).await;
    let (_, leases) = Member::alone(store.clone()).await;
    let changes: Vec<_> =
        leases.values().map(|lease| change(index, *lease, positions[2])).collect();
    assert_eq!(store.save(&changes, &events).await.unwrap(), []);
    let prune = Edit::Prune { before: Timestamp::MAX, limit: 10 };
    assert_eq!(store.edit(&prune).await.unwrap(), 2);
    assert_eq!(store.save(&changes, &events).await.unwrap(), []);
}

pub(crate) async fn a_change_that_is_saved_twice_is_harmless(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 9).await;
    let events = read_all(&*store).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let park = vec![failed(positions[0], 1), waiting(positions[1]), waiting(positions[2])];
    save(&*store, Change { park, ..change(index, leases[&4], positions[4]) }).await;

    let dead =
        vec![DeadDelivery { event: events[2].clone(), attempts: 3, error: "refused".to_owned() }];
    let unsaved = Change {
        park: vec![failed(positions[0], 2), failed(positions[5], 1)],
        unpark: vec![positions[1], positions[2]],
        dead: dead.clone(),
        forget_done: true,
        ..change(index, leases[&4], positions[7])
    };
    save(&*store, unsaved.clone()).await;
    save(&*harness.another().await, unsaved).await;
    let claim = member.claim_again(leases[&4], &[index]).await;
    assert_eq!(claim.checkpoints, [(index, positions[7])]);
    let parked = [failed(positions[0], 2), failed(positions[5], 1)].map(|it| (index, it));
    assert_eq!(claim.parked, parked);
    assert_eq!(dead_of(&*harness.store(), index).await, dead);
}

pub(crate) async fn one_call_saves_for_many_shards_and_subscriptions(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 4, 1_000).await;
    let names: Vec<_> = (0..40).map(|number| format!("handler {number}")).collect();
    let mut subscriptions = Vec::new();
    for name in &names {
        subscriptions.extend(subscribe(&*store, [name]).await);
    }
    let (member, leases) = Member::alone(store).await;
    let progress =
        |subscription: usize, shard: u16| Position(1 + subscription as u64 * 20 + u64::from(shard));
    let changes: Vec<_> = leases
        .values()
        .flat_map(|lease| {
            let checkpoints = (0..40).map(|number| progress(number, lease.shard));
            let checkpoints = subscriptions.iter().zip(checkpoints);
            checkpoints.map(|(id, checkpoint)| change(*id, *lease, checkpoint))
        })
        .collect();
    assert_eq!(member.store.save(&changes, &[]).await.unwrap(), []);
    assert_eq!(member.store.save(&[], &[]).await.unwrap(), []);

    let released: Vec<_> = leases.values().copied().collect();
    member.release(&released).await;
    let claims = member.claim(usize::MAX, &subscriptions).await;
    assert_eq!(claims.len(), leases.len());
    for claim in claims {
        assert_eq!(claim.checkpoints.len(), 40);
        for (number, id) in subscriptions.iter().enumerate() {
            assert_eq!(checkpoint(&claim, *id), progress(number, claim.lease.shard));
        }
    }
}

pub(crate) async fn what_is_done_above_a_checkpoint_is_kept_with_it(harness: impl Harness) {
    let store = harness.store();
    let [index, mail] = subscribe(&*store, ["index", "mail"]).await;
    let positions = append(&*store, 4, 3).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    let ahead = "\"quoted\" text".to_owned();
    let with = Change { ahead: Some(ahead.clone()), ..change(index, lease, positions[0]) };
    assert_eq!(
        store.save(&[with.clone(), change(mail, lease, positions[1])], &[]).await.unwrap(),
        []
    );
    let claim = member.claim_again(lease, &[index, mail]).await;
    assert_eq!(claim.ahead, [(index, ahead)]);

    save(&*store, Change { lease: claim.lease, ahead: None, ..with.clone() }).await;
    let claim = member.claim_again(claim.lease, &[index, mail]).await;
    assert_eq!(claim.ahead, []);

    save(&*store, Change { lease: claim.lease, ..with }).await;
    store.edit(&Edit::Reset { handler: "index", to: ResetTo::Beginning }).await.unwrap();
    let claim = member.claim(16, &[index]).await.into_iter().find(|it| it.lease.shard == 4);
    assert_eq!(claim.unwrap().ahead, []);
}

pub(crate) async fn shards_are_independent(harness: impl Harness) {
    let store = harness.store();
    let [index, mail] = subscribe(&*store, ["index", "mail"]).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let four = append(&*store, 4, 1).await[0];
    let five = append(&*store, 5, 1).await[0];
    let changes = [
        Change { park: vec![failed(four, 1)], ..change(index, leases[&4], four) },
        Change { park: vec![failed(five, 2)], ..change(index, leases[&5], five) },
        Change { park: vec![failed(five, 3)], ..change(mail, leases[&5], five) },
    ];
    assert_eq!(store.save(&changes, &[]).await.unwrap(), []);
    let claim = member.claim_again(leases[&4], &[index, mail]).await;
    assert_eq!(claim.parked, [(index, failed(four, 1))]);
    assert_eq!(checkpoint(&claim, index), four);
    assert_eq!(checkpoint(&claim, mail), Position::START);

    save(&*store, Change { unpark: vec![five], ..change(index, leases[&5], five) }).await;
    let claim = member.claim_again(leases[&5], &[mail, index]).await;
    assert_eq!(claim.parked, [(mail, failed(five, 3))]);
    let claim = member.claim_again(leases[&6], &[index, mail]).await;
    assert_eq!(claim.parked, []);
    assert_eq!(checkpoint(&claim, index), Position::START);
}

pub(crate) async fn progress_survives_a_crash(mut harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 9).await;
    let event = read_all(&*store).await[2].clone();
    let (member, leases) = Member::alone(store.clone()).await;
    let park = vec![failed(positions[0], 3), waiting(positions[1])];
    let dead = vec![DeadDelivery { event, attempts: 3, error: "refused".to_owned() }];
    let unsaved = change(index, leases[&4], positions[6]);
    save(&*store, Change { park: park.clone(), dead: dead.clone(), ..unsaved }).await;

    harness.reopen().await;
    let member = Member { store: harness.store(), node: member.node };
    assert_eq!(subscribe(&*member.store, ["index"]).await, [index]);
    assert_eq!(member.beat().await, leases.values().copied().collect::<Vec<_>>());
    save(&*member.store, change(index, leases[&5], positions[5])).await;
    let claim = member.claim_again(leases[&4], &[index]).await;
    assert_eq!(claim.checkpoints, [(index, positions[6])]);
    assert_eq!(claim.parked, park.into_iter().map(|it| (index, it)).collect::<Vec<_>>());
    assert_eq!(dead_of(&*harness.store(), index).await, dead);
}
