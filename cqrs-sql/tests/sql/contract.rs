use std::time::Duration;

use cqrs_core::log::{
    Change, DeadDelivery, DoneRow, Entry, EventLog as _, LoggedEvent, NewSubscription, Parked,
    Position, Progress as _, Start, Store as _, StoreError, SubscriptionId,
};
use cqrs_sql::{PostgresTransaction, SqliteTransaction};
use jiff::Timestamp;

use crate::support::{Database, all, entry, event, node, on_both};

on_both! {
    async fn what_is_appended_is_read_unchanged(database: &Database) {
        let store = database.open().await;
        let mut odd = event(1, 1);
        odd.version = u32::MAX;
        odd.key = Some(u64::MAX);
        odd.entity_id = Some("é'\"\\ 🦀".into());
        odd.payload = format!(
            r#"{{ "big": 9007199254740993, "nul": "\u0000", "crab": "🦀", "e": 1.10e5,  "text": "{}" }}"#,
            "x".repeat(64 * 1024)
        );
        let mut bare = event(2, 1);
        (bare.key, bare.tenant, bare.entity, bare.entity_id) = (None, None, None, None);
        let entries = [entry(vec![odd.clone(), bare.clone()]), entry(vec![event(1, 2)])];
        let firsts = store.append(&entries).await.expect("appended");
        assert_eq!(firsts, [Some(Position(1)), Some(Position(3))]);
        // Read by another store, from the database.
        let store = database.open().await;
        let events = all(&store).await;
        let expected: Vec<_> = entries.iter().flat_map(|it| it.events.clone()).collect();
        assert_eq!(events.iter().map(|it| it.event.clone()).collect::<Vec<_>>(), expected);
        let age = Timestamp::now().duration_since(events[0].at);
        assert!(age.abs() < jiff::SignedDuration::from_secs(60), "{age:?}");
        let positions = [Position(3), Position(9), Position(1)];
        let some = store.read_at(&positions).await.expect("read");
        assert_eq!(some.iter().map(|it| it.position.0).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(store.range().await.expect("the range"), Position(1)..=Position(3));
        assert_eq!(store.read(Position(1), 1).await.expect("a page")[0].position, Position(2));
    }

    async fn a_log_of_many_rows_keeps_its_order(database: &Database) {
        let store = database.open().await;
        let entries: Vec<_> = (0..321).map(|number| entry(vec![event(1, number)])).collect();
        let firsts = store.append(&entries).await.expect("appended");
        assert_eq!(firsts.last(), Some(&Some(Position(321))));
        let events = all(&store).await;
        assert!(events.iter().zip(1..).all(|(event, position)| event.position.0 == position));
        assert!(events.iter().zip(&entries).all(|(event, entry)| event.event == entry.events[0]));
    }

    async fn a_log_that_went_back_is_noticed(database: &Database) {
        let store = database.open().await;
        assert_eq!(store.range().await.expect("the range"), Position(1)..=Position(0));
        assert_eq!(store.read(Position::START, 10).await.expect("empty"), []);
        store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
        let error = store.read(Position(5), 10).await.expect_err("went back");
        assert!(matches!(error, StoreError::WentBack { end: Position(1), seen: Position(5) }));
        assert_eq!(store.read(Position(1), 10).await.expect("the end"), []);
    }

    async fn progress_is_kept(database: &Database) {
        let store = database.open().await;
        store.append(&[entry(vec![event(1, 1), event(1, 2), event(1, 3)])]).await.expect("appended");
        let wanted = [
            NewSubscription { name: "old", start: Start::Beginning },
            NewSubscription { name: "new", start: Start::Now },
        ];
        let subscriptions = store.register(&wanted).await.expect("registered");
        assert_eq!(store.register(&wanted).await.expect("again"), subscriptions);
        let ids: Vec<_> = subscriptions.iter().map(|it| it.id).collect();

        let node = node(Duration::from_mins(1));
        let beat = store.beat(&node).await.expect("beaten");
        assert_eq!((beat.living, beat.leases.len()), (1, 0));
        let claims = store.claim(&node, 5, &ids).await.expect("claimed");
        assert_eq!(claims.iter().map(|it| it.lease.shard).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(claims[3].checkpoints, [(ids[0], Position(0)), (ids[1], Position(3))]);
        assert_eq!(store.beat(&node).await.expect("beaten").leases.len(), 5);

        let lease = claims[3].lease;
        let events = all(&store).await;
        let effect = |number: usize| {
            let LoggedEvent { position, event: of, .. } = &events[number - 1];
            let row = DoneRow { subscription: ids[0], lease, position: *position, event: of.id };
            Entry { done: vec![row], ..entry(vec![event(2, 1)]) }
        };
        let twice = [effect(1), effect(2), effect(1)];
        let firsts = store.append(&twice).await.expect("appended");
        assert_eq!(firsts, [Some(Position(4)), Some(Position(5)), None]);

        let due = Timestamp::from_microsecond(1_764_297_600_123_456).expect("a time");
        let parked = |position, attempts| Parked {
            position: Position(position),
            attempts,
            due: Some(due),
            error: Some("it failed".into()),
            died_at: None,
        };
        let dead = DeadDelivery {
            event: all(&store).await[2].clone(),
            attempts: 3,
            error: "for good".into(),
        };
        let change = |park: Vec<Parked>, unpark: Vec<Position>| Change {
            subscription: ids[0],
            lease,
            checkpoint: Position(3),
            ahead: None,
            park,
            unpark,
            dead: vec![dead.clone()],
            forget_done: true,
        };
        // The same subscription and shard twice: the second one counts.
        let changes = [
            change(vec![parked(1, 1), parked(2, 1)], vec![]),
            change(vec![parked(1, 2)], vec![Position(2)]),
        ];
        assert_eq!(store.save(&changes, &[]).await.expect("saved"), []);
        // Saved again, because the answer was lost.
        assert_eq!(store.save(&changes[1..], &[]).await.expect("saved"), []);
        // The done row of what is parked is kept, the other one is not.
        let firsts = store.append(&[effect(1), effect(2)]).await.expect("appended");
        assert_eq!(firsts, [None, Some(Position(6))]);

        store.release(&node, &[lease]).await.expect("released");
        let claims = store.claim(&node, 1, &ids).await.expect("claimed");
        assert_eq!((claims[0].lease.shard, claims[0].lease.token), (3, lease.token + 1));
        assert_eq!(claims[0].checkpoints, [(ids[0], Position(3)), (ids[1], Position(3))]);
        assert_eq!(claims[0].parked, [(ids[0], parked(1, 2))]);
        store.leave(&node).await.expect("left");
        assert_eq!(store.save(&changes, &[]).await.expect("not saved"), [lease, lease]);
    }

    async fn plain_checkpoints_are_saved_at_once(database: &Database) {
        let store = database.open().await;
        let wanted = ["a", "b", "c"].map(|name| NewSubscription { name, start: Start::Beginning });
        let ids: Vec<_> =
            store.register(&wanted).await.expect("registered").iter().map(|it| it.id).collect();
        let node = node(Duration::from_mins(1));
        store.beat(&node).await.expect("beaten");
        let claims = store.claim(&node, 100, &ids).await.expect("claimed");
        assert_eq!(claims.len(), 16);
        let change = |subscription: SubscriptionId, lease| Change {
            subscription,
            lease,
            checkpoint: Position(7),
            ahead: None,
            park: vec![],
            unpark: vec![],
            dead: vec![],
            forget_done: false,
        };
        let changes: Vec<_> = claims
            .iter()
            .flat_map(|claim| ids.iter().map(|id| change(*id, claim.lease)))
            .collect();
        assert_eq!(store.save(&changes, &[]).await.expect("saved"), []);
        let leases: Vec<_> = claims.iter().map(|it| it.lease).collect();
        store.release(&node, &leases).await.expect("released");
        for claim in store.claim(&node, 100, &ids).await.expect("claimed") {
            assert!(claim.checkpoints.iter().all(|(_, position)| *position == Position(7)));
        }
    }

    async fn a_unit_writes_all_or_nothing(database: &Database) {
        let store = database.open().await;
        let ids = store.register(&[NewSubscription { name: "a", start: Start::Beginning }]).await;
        let subscription = ids.expect("registered")[0].id;
        let node = node(Duration::from_mins(1));
        store.beat(&node).await.expect("beaten");
        let lease = store.claim(&node, 1, &[]).await.expect("claimed")[0].lease;
        let first = event(1, 0);
        let row = DoneRow { subscription, lease, position: Position(1), event: first.id };
        let done = [row];
        store.append(&[entry(vec![first])]).await.expect("appended");
        let units = store.units().expect("transactions");
        for commits in [false, true] {
            let mut unit = units.begin(None).await.expect("begun");
            unit.publish(&[event(1, 1), event(1, 2)]).await.expect("published");
            assert!(unit.done(&done).await.expect("done"));
            if commits {
                unit.commit().await.expect("committed");
            } else {
                drop(unit);
            }
        }
        assert_eq!(all(&store).await.len(), 3);
        let mut unit = units.begin(None).await.expect("begun");
        assert!(!unit.done(&done).await.expect("done before"));
        drop(unit);
        let mut unit = units.begin(None).await.expect("begun");
        let stale = cqrs_core::log::Lease { token: lease.token + 1, ..lease };
        let row = DoneRow { lease: stale, ..row };
        assert!(!unit.done(&[row]).await.expect("another node's"));
        drop(unit);
        store.append(&[entry(vec![event(1, 3)])]).await.expect("the store still works");
    }

    async fn a_unit_with_a_failed_statement_says_whether_it_committed(database: &Database) {
        let store = database.open().await;
        let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
        unit.publish(&[event(1, 1)]).await.expect("published");
        let tx = unit.transaction();
        let failed = if let Some(tx) = tx.downcast_mut::<SqliteTransaction>() {
            sqlx::raw_sql("SELECT nothing").execute(&mut **tx).await.is_err()
        } else {
            let tx = tx.downcast_mut::<PostgresTransaction>().expect("Postgres");
            sqlx::raw_sql("SELECT nothing").execute(&mut **tx).await.is_err()
        };
        assert!(failed);
        // SQLite goes on, Postgres does not.
        let has_committed = unit.commit().await.is_ok();
        assert_eq!(has_committed, store.profile().name == "SQLite");
        assert_eq!(all(&store).await.len(), usize::from(has_committed));
    }

    async fn own_appends_are_news(database: &Database) {
        let store = database.open().await;
        let news = store.news();
        store.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
        tokio::time::timeout(Duration::from_secs(5), news).await.expect("news");
    }

    async fn appends_of_another_node_are_news(database: &Database) {
        let (one, other) = (database.open().await, database.open().await);
        for _ in 0..2 {
            for store in [&one, &other] {
                store.beat(&node(Duration::from_mins(1))).await.expect("beaten");
            }
        }
        let appending = async {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                other.append(&[entry(vec![event(1, 1)])]).await.expect("appended");
            }
        };
        let waiting = async {
            // Not the first one, which is told without a reason.
            one.news().await;
            one.news().await;
            one.news().await;
        };
        tokio::select! {
            () = appending => {}
            woken = tokio::time::timeout(Duration::from_secs(10), waiting) => woken.expect("news"),
        }
        one.close().await;
        let error = one.append(&[entry(vec![event(1, 1)])]).await.expect_err("closed");
        assert!(error.is_temporary(), "{error}");
    }
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn no_password_is_shown() {
    let url = "postgres://app:hunter2@127.0.0.1:1/nowhere";
    let error = cqrs_sql::SqlStore::postgres(url).await.expect_err("no server listens there");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    let store = Database::postgres().open().await;
    assert_eq!(format!("{store:?}"), r#"SqlStore { database: "Postgres", .. }"#);
}
