//! The rights that an application needs in Postgres, if another role owns the tables.

use std::panic::{AssertUnwindSafe, resume_unwind};

use cqrs_activity_log::{Activity, ActivityLog, Filter, OpenError, PageRequest};
use cqrs_core::Context;
use futures_util::FutureExt as _;
use jiff::Timestamp;

use crate::database::{Db, run_on_postgres};

/// The documented rights.
const RIGHTS: [&str; 4] = [
    "SELECT, INSERT, DELETE ON activity_entries",
    "SELECT, INSERT, UPDATE ON activity_chains",
    "SELECT, INSERT ON activity_settings",
    "SELECT ON activity_log_migrations",
];

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

/// Runs a test with the name of a role that may use the schema, and its URL.
async fn with_role(db: &Db, test: impl AsyncFnOnce(&str, String)) {
    let Db::Postgres { schema, url, .. } = db else { return };
    let role = format!("{schema}_application");
    db.execute(&format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}")).await;
    let tested = AssertUnwindSafe(test(&role, format!("{url}%20-crole%3D{role}")));
    let outcome = tested.catch_unwind().await;
    db.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn a_role_that_owns_no_tables_records_reads_and_prunes() {
    run_on_postgres(async |db| {
        db.open().await.close().await;
        with_role(db, async |role, url| {
            for rights in RIGHTS {
                db.execute(&format!("GRANT {rights} TO {role}")).await;
            }
            let log = ActivityLog::postgres(&url).await.unwrap();
            log.record(&ctx(), Activity::new("closed", "Year")).await.unwrap();
            let page = log.query(&ctx(), &Filter::new(), &PageRequest::newest()).await.unwrap();
            assert_eq!(page.entries.len(), 1);
            assert_eq!(log.prune(&ctx(), Timestamp::now()).await.unwrap().entries, 1);
            log.verify(&ctx()).await.unwrap();
            log.close().await;
        })
        .await;
    });
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn the_error_of_a_role_without_rights_names_the_owner() {
    run_on_postgres(async |db| {
        with_role(db, async |_, url| {
            let error = ActivityLog::postgres(&url).await.unwrap_err();
            assert!(matches!(error, OpenError::MayNotMigrate(_)), "{error}");
            assert!(error.to_string().contains("the role that owns them"), "{error}");
        })
        .await;
    });
}
