//! Which subscriptions there are, and where they start.

use cqrs_core::log::{NewSubscription, Position, Start, Store, Subscription, SubscriptionId};
use futures_util::future::join_all;

use crate::harness::Harness;
use crate::support::{LONG, Member, append};

const fn now(name: &str) -> NewSubscription<'_> {
    NewSubscription { name, start: Start::Now }
}

const fn beginning(name: &str) -> NewSubscription<'_> {
    NewSubscription { name, start: Start::Beginning }
}

async fn register(store: &dyn Store, wanted: &[NewSubscription<'_>]) -> Vec<Subscription> {
    let mut subscriptions = store.register(wanted).await.unwrap();
    assert!(subscriptions.iter().all(|subscription| !subscription.is_paused));
    subscriptions.sort_by(|one, other| one.name.cmp(&other.name));
    subscriptions
}

fn names(subscriptions: &[Subscription]) -> Vec<&str> {
    subscriptions.iter().map(|subscription| &*subscription.name).collect()
}

/// Where the owner of any shard begins.
async fn starts(harness: &impl Harness, subscriptions: &[SubscriptionId]) -> Vec<Position> {
    let member = Member::join(harness.another().await, LONG).await;
    let claims = member.claim(usize::MAX, subscriptions).await;
    assert_eq!(claims.len(), usize::from(member.store.profile().shards));
    let starts = claims.iter().map(|claim| {
        let start = |id: &SubscriptionId| {
            claim.checkpoints.iter().find(|(subscription, _)| subscription == id).unwrap().1
        };
        subscriptions.iter().map(start).collect::<Vec<_>>()
    });
    let starts: Vec<_> = starts.collect();
    assert!(starts.windows(2).all(|pair| pair[0] == pair[1]));
    member.store.leave(&member.node).await.unwrap();
    starts[0].clone()
}

pub(crate) async fn a_new_subscription_starts_now_or_at_the_beginning(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 3, 4).await;
    let subscriptions = register(&*store, &[now("b"), beginning("a")]).await;
    assert_eq!(names(&subscriptions), ["a", "b"]);
    append(&*store, 3, 4).await;
    let ids = [subscriptions[0].id, subscriptions[1].id];
    assert_eq!(starts(&harness, &ids).await, [Position::START, Position(4)]);
    assert_eq!(starts(&harness, &ids[1..]).await, [Position(4)]);
    assert_eq!(starts(&harness, &ids).await, [Position::START, Position(4)]);
}

pub(crate) async fn a_subscription_keeps_its_start(harness: impl Harness) {
    let store = harness.store();
    append(&*store, 3, 4).await;
    let before = register(&*store, &[now("b"), beginning("a")]).await;
    append(&*store, 3, 4).await;
    let wanted = [beginning("b"), now("a"), now("c")];
    let subscriptions = register(&*harness.another().await, &wanted).await;
    assert_eq!(subscriptions[..2], before);
    assert_eq!(names(&subscriptions), ["a", "b", "c"]);
    let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.id).collect();
    assert_eq!(starts(&harness, &ids).await, [0, 4, 8].map(Position));
}

pub(crate) async fn a_subscription_that_is_not_wanted_is_still_listed(mut harness: impl Harness) {
    let before = register(&*harness.store(), &[now("a"), now("b 🏢")]).await;
    harness.reopen().await;
    let after = register(&*harness.store(), &[now("c")]).await;
    assert_eq!(names(&after), ["a", "b 🏢", "c"]);
    assert_eq!(after[..2], before);
    assert_eq!(register(&*harness.store(), &[]).await, after);
}

pub(crate) async fn nodes_that_register_at_the_same_time_agree(harness: impl Harness) {
    let stores = [harness.store(), harness.another().await, harness.another().await];
    let registered = join_all(stores.into_iter().cycle().take(9).map(|store| {
        tokio::spawn(async move { register(&*store, &[now("c"), now("a"), now("b")]).await })
    }));
    let registered: Vec<_> = registered.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(names(&registered[0]), ["a", "b", "c"]);
    assert!(registered.iter().all(|subscriptions| *subscriptions == registered[0]));
}
