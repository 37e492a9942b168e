//! Deliveries that the checkpoint has passed although they are not settled.

use cqrs_core::log::{Change, DeadDelivery, DeliveryFilter, Edit, FailedState, Parked};
use jiff::Timestamp;

use crate::harness::Harness;
use crate::support::{Member, append, change, dead_of, failed, read_all, save, subscribe, waiting};

pub(crate) async fn parked_deliveries_come_back_in_order(harness: impl Harness) {
    let store = harness.store();
    let [index, mail] = subscribe(&*store, ["index", "mail"]).await;
    let positions = append(&*store, 4, 12).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    let without_error = Parked { error: None, ..failed(positions[10], 1) };
    let park = vec![without_error.clone(), failed(positions[1], u32::from(u16::MAX))];
    save(&*store, Change { park, ..change(index, lease, positions[10]) }).await;
    let park = vec![waiting(positions[5])];
    save(&*store, Change { park, ..change(mail, lease, positions[10]) }).await;
    let park = vec![waiting(positions[3])];
    save(&*store, Change { park, ..change(index, lease, positions[11]) }).await;

    let claim = member.claim_again(lease, &[mail, index]).await;
    let expected = [
        (index, failed(positions[1], u32::from(u16::MAX))),
        (index, waiting(positions[3])),
        (mail, waiting(positions[5])),
        (index, without_error),
    ];
    assert_eq!(claim.parked, expected);
    let claim = member.claim_again(claim.lease, &[mail]).await;
    assert_eq!(claim.parked, [(mail, waiting(positions[5]))]);
}

pub(crate) async fn another_attempt_changes_a_parked_delivery(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 4).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    for rows in [
        [waiting(positions[0]), failed(positions[1], 1)],
        [1, 2].map(|attempts| failed(positions[usize::from(attempts == 2)], attempts)),
    ] {
        let park = rows.to_vec();
        save(&*store, Change { park, ..change(index, lease, positions[3]) }).await;
    }
    let claim = member.claim_again(lease, &[index]).await;
    let expected = [failed(positions[0], 1), failed(positions[1], 2)].map(|it| (index, it));
    assert_eq!(claim.parked, expected);
}

pub(crate) async fn an_unparked_delivery_is_gone(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 4).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    let park = positions[..3].iter().map(|position| waiting(*position)).collect();
    save(&*store, Change { park, ..change(index, lease, positions[2]) }).await;
    // Position 4 was never parked.
    let unpark = vec![positions[0], positions[2], positions[3]];
    save(&*store, Change { unpark, ..change(index, lease, positions[3]) }).await;
    let claim = member.claim_again(lease, &[index]).await;
    assert_eq!(claim.parked, [(index, waiting(positions[1]))]);
    assert_eq!(claim.checkpoints, [(index, positions[3])]);
}

pub(crate) async fn a_dead_delivery_leaves_with_its_event(harness: impl Harness) {
    let store = harness.store();
    let [index, mail] = subscribe(&*store, ["index", "mail"]).await;
    let positions = append(&*store, 4, 4).await;
    let events = read_all(&*store).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    let dead = |index: usize, attempts| DeadDelivery {
        event: events[index].clone(),
        attempts,
        error: format!("attempt {attempts}: no “route” 🙈"),
    };
    let park = vec![failed(positions[0], 1)];
    save(&*store, Change { park, ..change(index, lease, positions[0]) }).await;
    // One was parked, the other one is passed by the checkpoint of the same change.
    let both = Change { dead: vec![dead(0, 3), dead(1, 0)], ..change(index, lease, positions[1]) };
    save(&*store, Change { unpark: vec![positions[0]], ..both }).await;
    let other = Change { dead: vec![dead(0, 7)], ..change(mail, lease, positions[0]) };
    save(&*store, other).await;
    assert_eq!(dead_of(&*harness.store(), index).await, [dead(0, 3), dead(1, 0)]);
    assert_eq!(dead_of(&*harness.store(), mail).await, [dead(0, 7)]);
    let claim = member.claim_again(lease, &[index]).await;
    assert_eq!((claim.parked, claim.checkpoints), (Vec::new(), vec![(index, positions[1])]));
}

pub(crate) async fn a_dead_delivery_that_blocks_its_key_stays_parked(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 4).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let lease = leases[&4];
    let died_at = Timestamp::from_millisecond(1_767_225_600_456).expect("a time");
    let dead = Parked { due: None, died_at: Some(died_at), ..failed(positions[0], 3) };
    let park = vec![dead.clone(), waiting(positions[1])];
    save(&*store, Change { park, ..change(index, lease, positions[1]) }).await;
    let claim = member.claim_again(lease, &[index]).await;
    assert_eq!(claim.parked, [(index, dead.clone()), (index, waiting(positions[1]))]);
    let status = &store.subscriptions().await.unwrap()[0];
    assert_eq!((status.dead, status.parked), (1, 1));
    let listed = store.failed(&DeliveryFilter::dead()).await.unwrap();
    let [letter] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((letter.event.position, letter.attempts), (positions[0], 3));
    assert_eq!((letter.state, letter.blocks_key), (FailedState::Dead, true));
    assert_eq!((Some(&letter.error), letter.since), (dead.error.as_ref(), died_at));
    let parked = store.failed(&DeliveryFilter::parked()).await.unwrap();
    assert_eq!((parked.len(), parked[0].blocks_key), (1, false));

    // It is tried again with all attempts, and dies again.
    let delivery = letter.id();
    let redeliver = Edit::Redeliver { delivery, payload: None };
    assert_eq!(store.edit(&redeliver).await.unwrap(), 1);
    let claim = member.claim(1, &[index]).await.remove(0);
    let again = claim.parked[0].1.clone();
    assert!(again.due.is_some() && again.died_at.is_none(), "{again:?}");
    assert_eq!((again.attempts, &again.error), (0, &dead.error));
    assert_eq!(dead_of(&*store, index).await, []);
    let lease = claim.lease;
    save(&*store, Change { park: vec![dead.clone()], ..change(index, lease, positions[1]) }).await;
    assert_eq!(dead_of(&*store, index).await.len(), 1);

    assert_eq!(store.edit(&Edit::Discard(delivery)).await.unwrap(), 1);
    let claim = member.claim(1, &[index]).await.remove(0);
    assert_eq!(claim.parked, [(index, waiting(positions[1]))]);
    assert_eq!(dead_of(&*store, index).await, []);
}

pub(crate) async fn many_deliveries_are_parked_at_once(harness: impl Harness) {
    let store = harness.store();
    let [index] = subscribe(&*store, ["index"]).await;
    let positions = append(&*store, 4, 10_000).await;
    let (member, leases) = Member::alone(store.clone()).await;
    let park: Vec<_> = positions.iter().map(|position| failed(*position, 1)).collect();
    let unsaved = change(index, leases[&4], positions[9_999]);
    save(&*store, Change { park: park.clone(), ..unsaved.clone() }).await;
    let claim = member.claim_again(leases[&4], &[index]).await;
    assert!(claim.parked.into_iter().eq(park.into_iter().map(|it| (index, it))));
    let unpark = positions[1..].to_vec();
    save(&*store, Change { lease: claim.lease, unpark, ..unsaved }).await;
    let claim = member.claim_again(claim.lease, &[index]).await;
    assert_eq!(claim.parked, [(index, failed(positions[0], 1))]);
}
