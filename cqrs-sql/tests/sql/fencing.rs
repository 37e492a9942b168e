use std::collections::HashSet;
use std::time::Duration;

use cqrs_core::log::{
    Change, DoneRow, Entry, EventLog as _, Lease, NewSubscription, Position, Progress as _, Start,
    Store as _, SubscriptionId,
};
use cqrs_sql::SqlStore;
use tokio::task::JoinSet;

use crate::support::{Database, entry, event, eventually, node, on_both};

async fn subscription(store: &SqlStore) -> SubscriptionId {
    let wanted = [NewSubscription { name: "a", start: Start::Beginning }];
    store.register(&wanted).await.expect("registered")[0].id
}

fn change(subscription: SubscriptionId, lease: Lease, checkpoint: u64) -> Change {
    Change {
        subscription,
        lease,
        checkpoint: Position(checkpoint),
        ahead: None,
        park: vec![],
        unpark: vec![],
        dead: vec![],
        forget_done: true,
    }
}

on_both! {
    async fn a_dead_node_loses_its_shards_and_its_rights(database: &Database) {
        let (old, new) = (database.open().await, database.open().await);
        let subscription = subscription(&old).await;
        let (mut dead, living) = (node(Duration::from_mins(1)), node(Duration::from_mins(1)));
        old.beat(&dead).await.expect("beaten");
        let lost = old.claim(&dead, 100, &[subscription]).await.expect("claimed")[0].lease;
        assert_eq!(old.save(&[change(subscription, lost, 1)], &[]).await.expect("saved"), []);
        assert_eq!(new.claim(&living, 100, &[]).await.expect("nothing is free").len(), 0);
        dead.ttl = Duration::from_millis(50);
        old.beat(&dead).await.expect("beaten");
        eventually("the node is dead", async || {
            new.beat(&living).await.expect("beaten").living == 1
        })
        .await;
        let claims = new.claim(&living, 100, &[subscription]).await.expect("claimed");
        assert_eq!(claims.len(), 16);
        assert_eq!(claims[0].checkpoints, [(subscription, Position(1))]);
        assert_eq!(old.save(&[change(subscription, lost, 9)], &[]).await.expect("refused"), [lost]);
        let first = event(1, 0);
        let row = DoneRow { subscription, lease: lost, position: Position(1), event: first.id };
        old.append(&[entry(vec![first])]).await.expect("appended");
        let done = vec![row];
        let effect = [Entry { done: done.clone(), ..entry(vec![event(1, 1)]) }];
        assert_eq!(old.append(&effect).await.expect("left out"), [None]);
        old.release(&dead, &[lost]).await.expect("nothing to release");
        assert_eq!(new.beat(&living).await.expect("beaten").leases.len(), 16);
        assert_eq!(new.range().await.expect("the range"), Position(1)..=Position(1));
    }

    async fn a_shard_has_one_owner(database: &Database) {
        let mut nodes = JoinSet::new();
        for _ in 0..8 {
            let store = database.open().await;
            nodes.spawn(async move {
                let node = node(Duration::from_mins(1));
                store.beat(&node).await.expect("beaten");
                store.claim(&node, 4, &[]).await.expect("claimed")
            });
        }
        let mut claimed = Vec::new();
        while let Some(node) = nodes.join_next().await {
            claimed.extend(node.expect("a node").into_iter().map(|claim| claim.lease.shard));
        }
        let different: HashSet<_> = claimed.iter().collect();
        assert_eq!(different.len(), claimed.len());
    }

    async fn one_of_two_owners_has_the_effect(database: &Database) {
        let store = database.open().await;
        let subscription = subscription(&store).await;
        let node = node(Duration::from_mins(1));
        store.beat(&node).await.expect("beaten");
        let lease = store.claim(&node, 1, &[]).await.expect("claimed")[0].lease;
        let first = event(1, 0);
        let row = DoneRow { subscription, lease, position: Position(1), event: first.id };
        store.append(&[entry(vec![first])]).await.expect("appended");
        let mut attempts = JoinSet::new();
        for _ in 0..6 {
            let store = database.open().await;
            attempts.spawn(async move {
                let done = [row];
                let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
                unit.publish(&[event(1, 1)]).await.expect("published");
                if unit.done(&done).await.expect("done") {
                    unit.commit().await.expect("committed");
                } else {
                    drop(unit);
                }
                let effect = [Entry { done: done.to_vec(), ..entry(vec![event(1, 1)]) }];
                store.append(&effect).await.expect("appended");
            });
        }
        while let Some(attempt) = attempts.join_next().await {
            attempt.expect("an attempt");
        }
        assert_eq!(crate::support::all(&store).await.len(), 2);
    }
}

/// A claim does not take a shard from under a transaction that has written a done row, and does not wait for it.
#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn an_open_transaction_keeps_its_shard_on_postgres() {
    let database = Database::postgres();
    let store = database.open().await;
    let subscription = subscription(&store).await;
    let (dead, living) = (node(Duration::ZERO), node(Duration::from_mins(1)));
    store.beat(&dead).await.expect("beaten");
    let lease = store.claim(&dead, 1, &[]).await.expect("claimed")[0].lease;
    let first = event(1, 0);
    let row = DoneRow { subscription, lease, position: Position(1), event: first.id };
    store.append(&[entry(vec![first])]).await.expect("appended");
    let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
    assert!(unit.done(&[row]).await.expect("done"));
    store.beat(&living).await.expect("beaten");
    assert_eq!(store.claim(&living, 100, &[]).await.expect("claimed").len(), 15);
    unit.commit().await.expect("committed");
    assert_eq!(store.claim(&living, 100, &[]).await.expect("claimed").len(), 1);
}
