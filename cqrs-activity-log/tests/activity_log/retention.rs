//! Old entries are removed, and the rest stays verifiable.

use std::time::Duration;

use cqrs_activity_log::chain::{Tampered, VerifyError};
use cqrs_activity_log::retention::RetentionError;
use cqrs_activity_log::{
    Activity, ActivityLog, Entry, Filter, Order, ReadError, RecordError, Retention,
};
use cqrs_core::{App, Context, TenantScope, modules};
use futures_util::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::database::{Db, on_each_database};
use crate::forge::Forged;

fn ctx(tenant: &str) -> Context {
    Context::for_tenant(tenant).unwrap()
}

async fn record(log: &ActivityLog, tenant: &str, entries: usize) {
    let activity = |n: usize| Activity::new("created", "Task").id(n);
    log.record_all(&ctx(tenant), (0..entries).map(activity).collect()).await.unwrap();
}

/// Makes the existing entries this old in a way that verification accepts.
async fn between(log: &ActivityLog, tenant: &str) -> Timestamp {
    let last = log.head(&ctx(tenant)).await.unwrap();
    assert!(last.sequence > 0);
    crate::after_now().await
}

async fn count(db: &Db, tenant: &str) -> i64 {
    db.number(&format!("SELECT count(*) FROM activity_entries WHERE tenant = '{tenant}'")).await
}

on_each_database! {
    async fn old_entries_are_removed_and_the_rest_verifies(db) {
        let log = db.open().await;
        record(&log, "acme", 2300).await;
        record(&log, "globex", 10).await;
        let early = log.head(&ctx("acme")).await.unwrap();
        let time = between(&log, "acme").await;
        record(&log, "acme", 50).await;
        let late = log.head(&ctx("acme")).await.unwrap();

        assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 2300);
        // 50, and the entry of retention.
        assert_eq!(count(db, "acme").await, 51);
        assert_eq!(count(db, "globex").await, 10);
        let verification = log.verify(&ctx("acme")).await.unwrap();
        assert_eq!((verification.entries, verification.pruned), (51, 2300));
        log.verify_against(&ctx("acme"), &late).await.unwrap();
        // The last one that was removed is still known.
        log.verify_against(&ctx("acme"), &early).await.unwrap();

        assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 0);
        assert_eq!(count(db, "acme").await, 51, "nothing to do leaves no entry");

        let time = between(&log, "acme").await;
        assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 51);
        let verification = log.verify(&ctx("acme")).await.unwrap();
        assert_eq!((verification.entries, verification.pruned), (1, 2351));
        let error = log.verify_against(&ctx("acme"), &early).await.unwrap_err();
        assert!(
            matches!(error, VerifyError::HeadPruned { sequence: 2300, pruned: 2351 }),
            "no proof of tampering: {error}"
        );
        record(&log, "acme", 5).await;
        assert_eq!(log.verify(&ctx("acme")).await.unwrap().entries, 6);
    }

    async fn an_export_during_pruning_says_that_entries_may_be_missing(db) {
        let log = db.open().await;
        record(&log, "acme", 3000).await;
        let time = between(&log, "acme").await;
        let stream = log.stream(&ctx("acme"), &Filter::new(), Order::NewestFirst);
        let mut stream = std::pin::pin!(stream);
        let mut read = 1;
        stream.try_next().await.unwrap().expect("the first entry");
        log.prune(&ctx("acme"), time).await.unwrap();
        let error = loop {
            match stream.try_next().await {
                Ok(Some(_)) => read += 1,
                Ok(None) => panic!("it ended after {read} entries as if that were all"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ReadError::Pruned), "{error}");
        assert!(read < 3000, "{read}");
    }

    async fn a_tenant_without_activity_is_not_pruned_again(db) {
        let log = db.open().await;
        record(&log, "acme", 3).await;
        let time = between(&log, "acme").await;
        assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 3);
        let head = log.head(&ctx("acme")).await.unwrap();
        for _ in 0..3 {
            let time = between(&log, "acme").await;
            assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 0);
        }
        assert_eq!(log.head(&ctx("acme")).await.unwrap(), head);

        record(&log, "acme", 1).await;
        let time = between(&log, "acme").await;
        assert_eq!(log.prune(&ctx("acme"), time).await.unwrap().entries, 2);
        assert_eq!(log.verify(&ctx("acme")).await.unwrap().pruned, 5);
    }

    async fn a_time_in_the_future_counts_as_now(db) {
        let log = db.open().await;
        record(&log, "acme", 5).await;
        let next_year = crate::after_now().await + SignedDuration::from_hours(24 * 365);
        assert_eq!(log.prune(&ctx("acme"), next_year).await.unwrap().entries, 5);
        assert_eq!(log.prune(&ctx("nobody"), next_year).await.unwrap().entries, 0);
        log.verify(&ctx("acme")).await.unwrap();
    }
}

on_each_database! {
    slow;

    async fn interrupted_pruning_can_be_verified_and_continued(db) {
        let log = db.open().await;
        record(&log, "acme", 5000).await;
        let time = between(&log, "acme").await;
        record(&log, "acme", 1).await;
        let acme = ctx("acme");
        // Dropped at a hundred different points on the way.
        for step in 0..100_u64 {
            let limit = Duration::from_micros(step * 400);
            let _ = tokio::time::timeout(limit, log.prune(&acme, time)).await;
            log.verify(&acme).await.unwrap();
        }
        log.prune(&acme, time).await.unwrap();
        let verification = log.verify(&acme).await.unwrap();
        assert_eq!(verification.pruned, 5000);
    }

    async fn a_chain_verifies_while_it_is_recorded_and_pruned(db) {
        let log = db.open().await;
        let acme = ctx("acme");
        let work = async {
            for _ in 0..20 {
                record(&log, "acme", 200).await;
                log.prune(&acme, Timestamp::now()).await.unwrap();
            }
        };
        let verifying = async {
            loop {
                log.verify(&acme).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = work => {}
            () = verifying => unreachable!("it goes on for ever"),
        }
        log.verify(&acme).await.unwrap();
    }
}

on_each_database! {
    async fn pruning_does_not_hide_tampering(db) {
        let log = db.open().await;
        record(&log, "acme", 10).await;
        let time = between(&log, "acme").await;
        record(&log, "acme", 10).await;
        db.drop_triggers().await;
        db.execute("DELETE FROM activity_entries WHERE sequence = 15").await;
        log.prune(&ctx("acme"), time).await.unwrap();
        let error = log.verify(&ctx("acme")).await.unwrap_err();
        assert!(matches!(error, VerifyError::Tampered(Tampered::Missing { sequence: 15 })));
    }

    async fn only_retention_can_record_its_own_entries(db) {
        let log = db.open().await;
        let data = json!({"base": {"sequence": i64::MAX, "hash": "0".repeat(64)}});
        let forged = Activity::new("pruned", "ActivityLog").data(data);
        let error = log.record(&ctx("acme"), forged.clone()).await.unwrap_err();
        assert!(matches!(&error, RecordError::Invalid(_)) && error.is_permanent(), "{error}");
        assert!(error.to_string().contains("only retention records"), "{error}");
        let both = vec![Activity::new("created", "Task"), forged];
        log.record_all(&ctx("acme"), both).await.unwrap_err();
        assert_eq!(count(db, "acme").await, 0);
        log.record(&ctx("acme"), Activity::new("pruned", "Tree")).await.unwrap();
    }

    async fn a_missing_beginning_without_an_announcement_is_found(db) {
        let log = db.open().await;
        record(&log, "acme", 20).await;
        let hashes: Vec<_> = entries(&log, "acme").await.iter().map(|e| e.hash.to_string()).collect();
        let zeros = "0".repeat(64);
        let names = [
            (i64::MAX, &zeros), // in advance
            (15, &zeros),
            (10, &zeros),
            (10, &hashes[10]),
            (9, &hashes[8]),    // less than the base
            (40, &hashes[14]),  // not there yet
        ];
        for (sequence, hash) in names {
            let data = json!({"base": {"sequence": sequence, "hash": hash}}).to_string();
            announce(db, &log, data).await;
        }
        assert_eq!(log.verify(&ctx("acme")).await.unwrap().entries, 26);
        let noted = log.head(&ctx("acme")).await.unwrap();

        // With all triggers in place.
        db.execute(CUT_OFF_TEN).await;
        db.execute("DELETE FROM activity_entries WHERE sequence <= 10").await;
        let cut_off = Tampered::BeginningCutOff { sequence: 10 };
        let error = log.verify(&ctx("acme")).await.unwrap_err();
        assert!(matches!(&error, VerifyError::Tampered(found) if *found == cut_off), "{error}");
        let error = log.verify_against(&ctx("acme"), &noted).await.unwrap_err();
        assert!(matches!(&error, VerifyError::Tampered(found) if *found == cut_off), "{error}");
    }

    async fn a_part_of_an_announced_beginning_may_be_missing(db) {
        let log = db.open().await;
        record(&log, "acme", 20).await;
        let hash = entries(&log, "acme").await[14].hash;
        let data = json!({"base": {"sequence": 15, "hash": hash.to_string()}}).to_string();
        announce(db, &log, data).await;
        // Up to the point of the interruption.
        db.execute(CUT_OFF_TEN).await;
        db.execute("DELETE FROM activity_entries WHERE sequence <= 10").await;
        let verification = log.verify(&ctx("acme")).await.unwrap();
        assert_eq!((verification.entries, verification.pruned), (11, 10));
    }

    async fn each_tenant_has_its_own_retention(db) {
        let scope = |id: &str| TenantScope::Tenant(id.parse().unwrap());
        let retention =
            Retention::days(365).days_for(scope("short"), 30).keep_forever(scope("ever"));
        let log = db.open_with(ActivityLog::options().retention(retention)).await.unwrap();
        for (tenant, days_ago) in [("short", 40), ("long", 40), ("older", 400), ("ever", 400)] {
            record(&log, tenant, 3).await;
            age(db, tenant, days_ago).await;
            record(&log, tenant, 2).await;
        }
        assert_eq!(log.apply_retention().await.unwrap().entries, 6);
        for (tenant, left) in [("short", 3), ("long", 5), ("older", 3), ("ever", 5)] {
            assert_eq!(count(db, tenant).await, left, "{tenant}");
        }
        assert_eq!(log.apply_retention().await.unwrap().entries, 0);
    }

    async fn a_tenant_that_cannot_be_pruned_does_not_stop_others(db) {
        let options = ActivityLog::options().retention(Retention::days(30));
        let log = db.open_with(options).await.unwrap();
        for tenant in ["acme", "globex", "initech"] {
            record(&log, tenant, 3).await;
            age(db, tenant, 40).await;
        }
        db.execute(&format!(
            "UPDATE activity_chains SET head_sequence = {} WHERE tenant = 'acme'", i64::MAX,
        ))
        .await;
        db.execute("INSERT INTO activity_chains (tenant) VALUES ('  no tenant  ')").await;
        for removed in [6, 0] {
            let error = log.apply_retention().await.unwrap_err();
            assert!(error.to_string().contains("tenant acme: "), "{error}");
            let RetentionError::Tenants { pruned, failed } = error else { panic!("{error}") };
            assert_eq!(pruned.entries, removed);
            let [(tenant, RecordError::Tampered { .. })] = &failed[..] else { panic!("{failed:?}") };
            assert_eq!(tenant, ctx("acme").tenant());
            // Nothing is announced, and nothing removed.
            assert_eq!(count(db, "acme").await, 3);
            assert_eq!((count(db, "globex").await, count(db, "initech").await), (1, 1));
        }
    }

    async fn an_application_applies_it_while_it_runs(db) {
        let retention = Retention::days(30).every(Duration::from_secs(1));
        let log = db.open_with(ActivityLog::options().retention(retention)).await.unwrap();
        record(&log, "acme", 3).await;
        age(db, "acme", 40).await;
        let app = App::builder().only(modules![crate::events]).plugin(log.clone()).build().unwrap();
        app.start().await.unwrap();
        while count(db, "acme").await != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let report = app.shutdown(Duration::from_secs(10)).await;
        assert!(report.is_clean(), "{report}");
    }
}

const CUT_OFF_TEN: &str = "UPDATE activity_chains SET base_sequence = 10, base_hash = \
     (SELECT hash FROM activity_entries WHERE sequence = 10)";

async fn entries(log: &ActivityLog, tenant: &str) -> Vec<Entry> {
    let all = log.stream(&ctx(tenant), &Filter::new(), Order::OldestFirst);
    all.try_collect().await.unwrap()
}

/// An activity that only retention may record.
async fn announce(db: &Db, log: &ActivityLog, data: String) {
    let recorded_at = Timestamp::now().as_microsecond();
    let (tenant, action, entity_type) = ("acme", "pruned", "ActivityLog");
    Forged { tenant, action, entity_type, data, recorded_at }.append(db, log).await;
}

/// Makes a tenant's entries older, which the triggers would refuse.
async fn age(db: &Db, tenant: &str, days: i64) {
    let (off, on) = if db.is_sqlite() {
        ("DROP TRIGGER activity_entries_refuse_update", REFUSE)
    } else {
        (
            "ALTER TABLE activity_entries DISABLE TRIGGER activity_entries_refuse_update",
            "ALTER TABLE activity_entries ENABLE TRIGGER activity_entries_refuse_update",
        )
    };
    let micros = days * 24 * 3600 * 1_000_000;
    db.execute(off).await;
    db.execute(&format!(
        "UPDATE activity_entries SET recorded_at = recorded_at - {micros} WHERE tenant = '{tenant}'"
    ))
    .await;
    db.execute(on).await;
}

const REFUSE: &str = "CREATE TRIGGER activity_entries_refuse_update BEFORE UPDATE ON \
     activity_entries BEGIN SELECT RAISE(ABORT, 'refused'); END";
