//! Which node works on which shard.

use cqrs_core::log::{Claim, Lease};
use futures_util::future::join_all;

use crate::harness::Harness;
use crate::support::{LONG, Member, SHORT, change, eventually, lease_numbers, save, subscribe};

async fn members(harness: &impl Harness, count: usize) -> Vec<Member> {
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(Member::join(harness.another().await, LONG).await);
    }
    members
}

fn leases(claims: &[Claim]) -> Vec<Lease> {
    let mut leases: Vec<_> = claims.iter().map(|claim| claim.lease).collect();
    leases.sort_by_key(|lease| lease.shard);
    leases
}

fn all_shards(member: &Member) -> Vec<u16> {
    (0..member.store.profile().shards).collect()
}

pub(crate) async fn a_shard_has_one_owner(harness: impl Harness) {
    let members = members(&harness, 2).await;
    let claims = members[0].claim(usize::MAX, &[]).await;
    assert_eq!(lease_numbers(&claims), all_shards(&members[0]));
    assert_eq!(members[1].claim(usize::MAX, &[]).await, []);
    assert_eq!(members[0].claim(usize::MAX, &[]).await, []);
}

pub(crate) async fn a_claim_takes_no_more_than_asked(harness: impl Harness) {
    let members = members(&harness, 2).await;
    assert_eq!(members[0].claim(0, &[]).await, []);
    let first = members[0].claim(3, &[]).await;
    assert_eq!(first.len(), 3);
    let rest = members[1].claim(usize::MAX, &[]).await;
    let mut shards = lease_numbers(&first);
    shards.extend(lease_numbers(&rest));
    shards.sort_unstable();
    assert_eq!(shards, all_shards(&members[0]));
}

pub(crate) async fn nodes_that_claim_at_the_same_time_share(harness: impl Harness) {
    let members = members(&harness, 4).await;
    let all = all_shards(&members[0]);
    let quota = all.len().div_ceil(members.len());
    let mut claimed = Vec::new();
    eventually("all shards are claimed", async || {
        let claims = join_all(members.iter().map(|member| member.claim(quota, &[]))).await;
        claimed.extend(claims.iter().flat_map(|claims| lease_numbers(claims)));
        claimed.sort_unstable();
        assert!(claimed.windows(2).all(|pair| pair[0] != pair[1]), "a shard has two owners");
        claimed == all
    })
    .await;
}

pub(crate) async fn an_expired_node_loses_its_shards(harness: impl Harness) {
    let expired = Member::join(harness.store(), SHORT).await;
    let before = leases(&expired.claim(usize::MAX, &[]).await);
    let other = Member::join(harness.another().await, LONG).await;
    let after = leases(&other.claim_all(before.len(), &[]).await);
    assert!(before.iter().zip(&after).all(|(before, after)| after.token > before.token));

    // It lives again, but has nothing.
    assert_eq!(expired.beat().await, []);
    assert_eq!(expired.claim(usize::MAX, &[]).await, []);
    assert_eq!(other.beat().await, after);
}

pub(crate) async fn a_beat_extends_the_life_of_a_node(harness: impl Harness) {
    let mut member = Member::join(harness.store(), SHORT).await;
    member.node.ttl = LONG;
    member.beat().await;
    assert!(!member.claim(usize::MAX, &[]).await.is_empty());
    Member::join(harness.store(), SHORT).await;
    let living = async || member.store.beat(&member.node).await.unwrap().living;
    eventually("a short life that began later has ended", async || living().await == 1).await;
    let other = Member::join(harness.another().await, LONG).await;
    assert_eq!(other.claim(usize::MAX, &[]).await, []);
}

pub(crate) async fn a_beat_tells_who_lives_and_what_a_node_has(harness: impl Harness) {
    let members = members(&harness, 3).await;
    let mut short = Member::join(harness.store(), LONG).await;
    let claimed = leases(&members[0].claim(5, &[]).await);
    members[1].claim(2, &[]).await;
    let living = async || members[0].store.beat(&members[0].node).await.unwrap().living;
    assert_eq!(living().await, 4);
    short.node.ttl = SHORT;
    short.beat().await;
    eventually("one node has expired", async || living().await == 3).await;
    short.node.ttl = LONG;
    assert_eq!(short.store.beat(&short.node).await.unwrap().living, 4);
    short.store.leave(&short.node).await.unwrap();
    members[2].store.leave(&members[2].node).await.unwrap();
    let beat = members[0].store.beat(&members[0].node).await.unwrap();
    assert_eq!((beat.living, beat.paused), (2, Vec::new()));
    assert_eq!(members[0].beat().await, claimed);
    assert_eq!(members[1].beat().await.len(), 2);
}

pub(crate) async fn a_released_shard_is_free_at_once(harness: impl Harness) {
    let members = members(&harness, 2).await;
    let claimed = leases(&members[0].claim(usize::MAX, &[]).await);
    members[0].release(&claimed[3..5]).await;
    let free = leases(&members[1].claim(usize::MAX, &[]).await);
    let shards: Vec<_> = free.iter().map(|lease| lease.shard).collect();
    assert_eq!(shards, [claimed[3].shard, claimed[4].shard]);
    assert_eq!(members[0].beat().await, [&claimed[..3], &claimed[5..]].concat());
    assert_eq!(members[1].beat().await, free);
}

pub(crate) async fn a_lost_lease_is_not_released(harness: impl Harness) {
    let expired = Member::join(harness.store(), SHORT).await;
    let lost = leases(&expired.claim(usize::MAX, &[]).await);
    let others = members(&harness, 2).await;
    let claimed = leases(&others[0].claim_all(lost.len(), &[]).await);
    expired.release(&lost).await;
    assert_eq!(others[1].claim(usize::MAX, &[]).await, []);
    assert_eq!(others[0].beat().await, claimed);
}

pub(crate) async fn a_node_that_leaves_frees_its_shards(harness: impl Harness) {
    let members = members(&harness, 2).await;
    let all = members[0].claim(usize::MAX, &[]).await.len();
    members[0].store.leave(&members[0].node).await.unwrap();
    assert_eq!(members[1].claim(usize::MAX, &[]).await.len(), all);
}

pub(crate) async fn tokens_rise_with_each_owner(harness: impl Harness) {
    let members = members(&harness, 2).await;
    let mut lease = members[0].claim(1, &[]).await[0].lease;
    members[0].claim(usize::MAX, &[]).await;
    for owner in 0..6 {
        members[owner % 2].release(&[lease]).await;
        let claims = members[(owner + 1) % 2].claim(usize::MAX, &[]).await;
        assert_eq!(lease_numbers(&claims), [lease.shard]);
        assert!(claims[0].lease.token > lease.token);
        lease = claims[0].lease;
    }
}

pub(crate) async fn tokens_rise_after_a_crash(mut harness: impl Harness) {
    let [subscription] = subscribe(&*harness.store(), ["index"]).await;
    let (member, before) = Member::alone(harness.store()).await;
    member.store.leave(&member.node).await.unwrap();
    harness.reopen().await;
    let (member, after) = Member::alone(harness.store()).await;
    for (shard, lease) in &after {
        assert!(lease.token > before[shard].token);
    }
    let change = change(subscription, after[&0], cqrs_core::log::Position::START);
    save(&*member.store, change).await;
}
