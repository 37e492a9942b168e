//! Changes that the triggers refuse.

use cqrs_activity_log::Activity;
use cqrs_core::Context;

use crate::database::on_each_database;

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

on_each_database! {
    async fn the_database_refuses_to_replace_a_row_by_its_rowid(db) {
        if !db.is_sqlite() {
            return;
        }
        let log = db.open().await;
        for n in 0..3 {
            log.record(&ctx(), Activity::new("created", "Task").id(n)).await.unwrap();
        }
        let globex = Context::for_tenant("globex").unwrap();
        log.record(&globex, Activity::new("created", "Task")).await.unwrap();
        db.execute("CREATE TABLE kept AS SELECT * FROM activity_entries WHERE sequence = 2").await;
        db.execute("UPDATE kept SET tenant = 'initech', id = zeroblob(16), sequence = 1").await;
        let columns = "tenant, id, sequence, action, entity_type, description, correlation_id, \
             occurred_at, recorded_at, outcome, hash";
        let by_row = format!(
            "INSERT OR REPLACE INTO activity_entries (rowid, {columns}) SELECT 2, {columns} FROM kept"
        );
        for sql in [
            by_row.as_str(),
            &by_row.replace("rowid", "_rowid_"),
            &by_row.replace("rowid", "oid"),
            "UPDATE OR REPLACE activity_entries SET rowid = 2 WHERE rowid = 3",
            "INSERT OR REPLACE INTO activity_chains (rowid, tenant) \
             SELECT rowid, 'initech' FROM activity_chains WHERE tenant = 'acme'",
            "UPDATE OR REPLACE activity_chains SET rowid = \
             (SELECT rowid FROM activity_chains WHERE tenant = 'acme') WHERE tenant = 'globex'",
            "UPDATE OR REPLACE activity_chains SET tenant = 'acme' WHERE tenant = 'globex'",
            "UPDATE OR REPLACE activity_chains SET head_sequence = NULL",
            "UPDATE OR REPLACE activity_chains SET base_sequence = NULL",
            "UPDATE activity_chains SET head_sequence = '1' WHERE tenant = 'acme'",
        ] {
            let error = db.try_execute(sql).await.expect_err(sql).to_string();
            assert!(error.contains("of the activity log"), "{sql}: {error}");
        }
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 3);
        assert_eq!(log.verify(&globex).await.unwrap().entries, 1);
        // Rows of numbers that are free, and none at all, are as before.
        db.execute(&by_row.replace("SELECT 2", "SELECT 20")).await;
        log.record(&ctx(), Activity::new("created", "Task")).await.unwrap();
    }

    async fn the_database_refuses_a_session_that_has_a_chain_of_its_own(db) {
        if db.is_sqlite() {
            return;
        }
        let log = db.open().await;
        log.record(&ctx(), Activity::new("created", "Task")).await.unwrap();
        let forged = [
            "CREATE TEMP TABLE activity_chains AS SELECT 'acme' AS tenant, 1 AS base_sequence",
            "CREATE FUNCTION yes(bigint, bigint) RETURNS boolean RETURN true; \
             CREATE OPERATOR >= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = yes)",
        ];
        for forged in forged {
            let sql = format!("{forged}; DELETE FROM activity_entries");
            let error = db.try_execute(&sql).await.expect_err(&sql).to_string();
            assert!(error.contains("of the activity log"), "{sql}: {error}");
        }
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 1);
    }

    async fn the_database_refuses_to_change_or_delete(db) {
        let log = db.open().await;
        for n in 0..3 {
            log.record(&ctx(), Activity::new("created", "Task").id(n)).await.unwrap();
        }
        let mut refused = vec![
            "UPDATE activity_entries SET description = 'x'",
            "UPDATE activity_entries SET hash = hash",
            "DELETE FROM activity_entries",
            "DELETE FROM activity_entries WHERE sequence = 1",
            "DELETE FROM activity_chains",
            "UPDATE activity_chains SET head_sequence = 1",
            "UPDATE activity_chains SET tenant = 'globex'",
        ];
        if db.is_sqlite() {
            refused.extend([
                "REPLACE INTO activity_chains (tenant) VALUES ('acme')",
                "INSERT OR REPLACE INTO activity_entries SELECT * FROM activity_entries",
                "UPDATE OR REPLACE activity_entries SET sequence = 1 WHERE sequence = 2",
            ]);
        } else {
            refused.extend([
                "TRUNCATE activity_entries",
                "TRUNCATE activity_chains",
                "INSERT INTO activity_entries SELECT * FROM activity_entries \
                 ON CONFLICT (tenant, id) DO UPDATE SET action = 'x'",
            ]);
        }
        for sql in refused {
            let error = db.try_execute(sql).await.expect_err(sql).to_string();
            assert!(error.contains("of the activity log"), "{sql}: {error}");
        }
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 3);
        // The base may grow, but not shrink.
        db.execute("UPDATE activity_chains SET base_sequence = 1").await;
        db.try_execute("UPDATE activity_chains SET base_sequence = 0").await.unwrap_err();
        db.try_execute("DELETE FROM activity_entries WHERE sequence = 2").await.unwrap_err();
    }
}
