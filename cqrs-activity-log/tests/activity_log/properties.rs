//! Recording and pruning in any order: chains stay sound, and contain exactly what was recorded.

use std::collections::HashMap;

use cqrs_activity_log::{Activity, ActivityLog};
use cqrs_core::Context;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::database::{Db, on_each_database};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

#[derive(Debug, Clone)]
enum Step {
    Record {
        tenant: usize,
        entries: usize,
        text: String,
    },
    /// Everything that was recorded before this step.
    Prune {
        tenant: usize,
    },
    Verify {
        tenant: usize,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = 0..TENANTS.len();
    prop_oneof![
        4 => (tenant.clone(), 0..40_usize, any::<String>())
            .prop_map(|(tenant, entries, text)| Step::Record { tenant, entries, text }),
        2 => tenant.clone().prop_map(|tenant| Step::Prune { tenant }),
        2 => tenant.prop_map(|tenant| Step::Verify { tenant }),
        1 => Just(Step::Reopen),
    ]
}

/// What a tenant's log should have.
#[derive(Debug, Default, Clone, Copy)]
struct Expected {
    kept: u64,
    pruned: u64,
}

on_each_database! {
    slow;

    async fn chains_are_sound_after_any_steps(db) {
        let cases = if db.is_sqlite() { 40 } else { 15 };
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let steps = prop::collection::vec(step(), 1..15);
        let mut expected = HashMap::<usize, Expected>::new();
        let handle = tokio::runtime::Handle::current();
        // One database for all cases: each case continues after the one before.
        runner
            .run(&steps, |steps| {
                let mut after = expected.clone();
                tokio::task::block_in_place(|| handle.block_on(run(db, steps, &mut after)));
                Ok(())
            })
            .map_err(|error| error.to_string())
            .unwrap();
        expected.clear();
    }
}

async fn run(db: &Db, steps: Vec<Step>, expected: &mut HashMap<usize, Expected>) {
    let mut log = db.open().await;
    for (tenant, id) in TENANTS.iter().enumerate() {
        let verification = log.verify(&Context::for_tenant(id).unwrap()).await.unwrap();
        let found = Expected { kept: verification.entries, pruned: verification.pruned };
        expected.insert(tenant, found);
    }
    for step in steps {
        match step {
            Step::Record { tenant, entries, text } => {
                record(&log, tenant, entries, &text).await;
                expected.entry(tenant).or_default().kept += entries as u64;
            }
            Step::Prune { tenant } => {
                let ctx = Context::for_tenant(TENANTS[tenant]).unwrap();
                let pruned = log.prune(&ctx, crate::after_now().await).await.unwrap().entries;
                let expected = expected.entry(tenant).or_default();
                // An entry of retention stays if it is the only one.
                if expected.kept == u64::from(expected.pruned > 0) {
                    assert_eq!(pruned, 0);
                    continue;
                }
                assert_eq!(pruned, expected.kept);
                expected.pruned += pruned;
                expected.kept = 1;
            }
            Step::Verify { tenant } => verify(&log, tenant, expected[&tenant]).await,
            Step::Reopen => {
                log.close().await;
                log = db.open().await;
            }
        }
    }
    for (tenant, expected) in expected {
        verify(&log, *tenant, *expected).await;
    }
    log.close().await;
}

async fn record(log: &ActivityLog, tenant: usize, entries: usize, text: &str) {
    let ctx = Context::for_tenant(TENANTS[tenant]).unwrap();
    let text = &text[..text.floor_char_boundary(200)];
    let activity = |n: usize| Activity::new("created", "Task").id(n).named(text).describe(text);
    let recorded = log.record_all(&ctx, (0..entries).map(activity).collect()).await.unwrap();
    assert_eq!(recorded.len(), entries);
}

async fn verify(log: &ActivityLog, tenant: usize, expected: Expected) {
    let ctx = Context::for_tenant(TENANTS[tenant]).unwrap();
    let verification = log.verify(&ctx).await.unwrap();
    assert_eq!((verification.entries, verification.pruned), (expected.kept, expected.pruned));
    let head = log.head(&ctx).await.unwrap();
    assert_eq!(head.sequence, expected.kept + expected.pruned);
    log.verify_against(&ctx, &head).await.unwrap();
}
