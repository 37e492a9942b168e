//! Several processes at one database.

use std::time::Duration;

use cqrs_activity_log::{Activity, ActivityLog};
use cqrs_core::Context;

use crate::database::on_each_database;

on_each_database! {
    async fn processes_that_record_for_the_same_tenants_keep_the_chains(db) {
        let tenants = ["a", "b", "c", "d"].map(|id| Context::for_tenant(id).unwrap());
        // Separate pools, as of separate processes.
        let mut work = tokio::task::JoinSet::new();
        for process in 0..4 {
            let log = db.open().await;
            for worker in 0..2 {
                let (log, tenants) = (log.clone(), tenants.clone());
                work.spawn(async move {
                    for n in 0..25 {
                        let ctx = &tenants[(process + worker + n) % tenants.len()];
                        let activities =
                            (0..=n % 5).map(|i| Activity::new("created", "Task").id(i)).collect();
                        log.record_all(ctx, activities).await.unwrap();
                    }
                });
            }
        }
        while let Some(done) = work.join_next().await {
            done.unwrap();
        }
        let log = db.open().await;
        let mut entries = 0;
        for ctx in &tenants {
            entries += log.verify(ctx).await.unwrap().entries;
        }
        assert_eq!(entries, 8 * 25 * 3);
    }

    async fn a_database_that_is_opened_many_times_at_once_is_made_once(db) {
        let opening = (0..8).map(|_| db.open_with(ActivityLog::options()));
        let logs = futures_util::future::join_all(opening).await;
        let ctx = Context::for_tenant("acme").unwrap();
        for log in logs {
            log.unwrap().record(&ctx, Activity::new("opened", "Log")).await.unwrap();
        }
        let log = db.open().await;
        assert_eq!(log.verify(&ctx).await.unwrap().entries, 8);
        assert_eq!(db.number("SELECT count(*) FROM activity_log_migrations").await, 2);
        assert_eq!(db.number("SELECT count(*) FROM activity_settings").await, 1);
    }

    async fn a_record_that_is_dropped_midway_leaves_the_chain_sound(db) {
        let log = db.open().await;
        let ctx = Context::for_tenant("acme").unwrap();
        let mut acknowledged = Vec::new();
        // With a growing limit, until recording has succeeded several times, also on a slow machine.
        let mut step = 0;
        while step < 200 || acknowledged.len() < 400 {
            step += 1;
            let activities = (0..20).map(|n| Activity::new("created", "Task").id(n)).collect();
            let limit = Duration::from_micros(step * 30);
            if let Ok(entries) = tokio::time::timeout(limit, log.record_all(&ctx, activities)).await {
                acknowledged.extend(entries.unwrap());
            }
        }
        log.verify(&ctx).await.unwrap();
        assert!(!acknowledged.is_empty());
        for entry in acknowledged {
            assert_eq!(log.get(&ctx, entry.id).await.unwrap(), Some(entry));
        }
    }
}
