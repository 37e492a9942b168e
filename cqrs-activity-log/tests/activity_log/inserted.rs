//! Entries that were inserted into altered tables are found.

use cqrs_activity_log::chain::{Tampered, VerifyError};
use cqrs_activity_log::{Activity, ActivityLog, Entry};
use cqrs_core::Context;
use uuid::Uuid;

use crate::database::{Db, on_each_database};

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

async fn record(log: &ActivityLog, entries: usize) -> Vec<Entry> {
    let activity = |n: usize| Activity::new("created", "Task").id(n);
    log.record_all(&ctx(), (0..entries).map(activity).collect()).await.unwrap()
}

/// Alters how the table of entries is declared.
async fn redeclare(db: &Db, sqlite: &[(&str, &str)], postgres: &str) {
    if !db.is_sqlite() {
        db.execute(postgres).await;
        return;
    }
    db.execute("PRAGMA writable_schema = ON").await;
    for (from, to) in sqlite {
        db.execute(&format!(
            "UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = 'activity_entries'"
        ))
        .await;
    }
    db.execute("PRAGMA writable_schema = RESET").await;
    db.execute("REINDEX").await;
}

const COLUMNS: &str = "tenant, organization, actor_kind, actor_id, actor_name, behalf_kind, behalf_id, \
     behalf_name, action, entity_type, entity_id, entity_name, changes, data, event_name, \
     event_version, correlation_id, causation_id, occurred_at, recorded_at, outcome, hash";

/// Inserts a copy of an entry that says something else.
async fn insert_copy(db: &Db, of: i64, id: &str, sequence: &str) {
    db.execute(&format!(
        "INSERT INTO activity_entries ({COLUMNS}, id, sequence, description) \
         SELECT {COLUMNS}, {id}, {sequence}, 'forged' FROM activity_entries WHERE sequence = {of}"
    ))
    .await;
}

/// The first or the last of all ids.
fn id(db: &Db, digit: char) -> String {
    let digits = digit.to_string().repeat(32);
    if db.is_sqlite() { format!("x'{digits}'") } else { format!("'{digits}'::uuid") }
}

async fn tampered(log: &ActivityLog) -> Tampered {
    match log.verify(&ctx()).await {
        Err(VerifyError::Tampered(tampered)) => tampered,
        other => panic!("not found out: {other:?}"),
    }
}

on_each_database! {
    async fn a_copy_beside_another_entry_is_found_wherever_that_is(db) {
        let log = db.open().await;
        record(&log, 2500).await;
        let sqlite = [("UNIQUE (tenant, sequence)", "UNIQUE (tenant, sequence, id)")];
        let postgres =
            "ALTER TABLE activity_entries DROP CONSTRAINT activity_entries_tenant_sequence_key";
        db.drop_triggers().await;
        redeclare(db, &sqlite, postgres).await;
        let log = reopened(db, log).await;
        for sequence in [1, 999, 1000, 1001, 2000, 2499, 2500] {
            let after = id(db, 'f');
            insert_copy(db, sequence, &after, "sequence").await;
            let inserted = Tampered::Inserted {
                sequence: sequence.unsigned_abs(),
                id: Some(Uuid::from_bytes([0xff; 16])),
            };
            assert_eq!(tampered(&log).await, inserted);
            db.execute("DELETE FROM activity_entries WHERE description = 'forged'").await;

            insert_copy(db, sequence, &id(db, '0'), "sequence").await;
            let inserted = Tampered::Inserted { sequence: sequence.unsigned_abs(), id: Some(Uuid::nil()) };
            assert_eq!(tampered(&log).await, inserted);
            db.execute("DELETE FROM activity_entries WHERE description = 'forged'").await;
        }
        log.verify(&ctx()).await.unwrap();
    }

    async fn a_copy_with_the_same_id_is_found_wherever_it_is(db) {
        let log = db.open().await;
        record(&log, 1500).await;
        let sqlite = [
            ("UNIQUE (tenant, sequence)", "UNIQUE (tenant, sequence, id, description)"),
            ("PRIMARY KEY (tenant, id)", "UNIQUE (tenant, id, description)"),
        ];
        let postgres = "ALTER TABLE activity_entries \
             DROP CONSTRAINT activity_entries_tenant_sequence_key, DROP CONSTRAINT activity_entries_pkey";
        db.drop_triggers().await;
        redeclare(db, &sqlite, postgres).await;
        let log = reopened(db, log).await;
        for sequence in [1, 1000, 1001, 1500] {
            insert_copy(db, sequence, "id", "sequence").await;
            // The order of the two is undefined.
            assert!(matches!(
                tampered(&log).await,
                Tampered::Altered { sequence: found, .. } | Tampered::Inserted { sequence: found, .. }
                    if found == sequence.unsigned_abs()
            ));
            db.execute("DELETE FROM activity_entries WHERE description = 'forged'").await;
        }
        log.verify(&ctx()).await.unwrap();
    }

    async fn an_entry_without_a_sequence_is_found(db) {
        let log = db.open().await;
        record(&log, 3).await;
        let sqlite = [("INTEGER NOT NULL CHECK (sequence > 0)", "INTEGER")];
        let postgres = "ALTER TABLE activity_entries ALTER COLUMN sequence DROP NOT NULL";
        redeclare(db, &sqlite, postgres).await;
        insert_copy(db, 3, &id(db, 'f'), "NULL").await;
        let log = reopened(db, log).await;
        let tampered = tampered(&log).await;
        let id = Some(Uuid::from_bytes([0xff; 16]));
        assert_eq!(tampered, Tampered::Inserted { sequence: 0, id });
    }

    async fn an_entry_of_a_table_that_inherits_is_found(db) {
        if db.is_sqlite() {
            return;
        }
        let log = db.open().await;
        record(&log, 1500).await;
        // Nothing is dropped, and the entries that are read have these among them.
        db.execute("CREATE TABLE more () INHERITS (activity_entries)").await;
        for sequence in [1, 1000, 1500] {
            for id in ["id", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"] {
                db.execute(&format!(
                    "INSERT INTO more ({COLUMNS}, id, sequence, description) \
                     SELECT {COLUMNS}, {id}, sequence, 'forged' FROM activity_entries \
                     WHERE sequence = {sequence}"
                ))
                .await;
                assert!(matches!(
                    tampered(&log).await,
                    Tampered::Altered { sequence: found, .. } | Tampered::Inserted { sequence: found, .. }
                        if found == sequence
                ));
                db.execute("DELETE FROM more").await;
            }
        }
        log.verify(&ctx()).await.unwrap();
    }

    async fn bytes_that_have_become_texts_are_found(db) {
        if !db.is_sqlite() {
            return;
        }
        let log = db.open().await;
        let entries = record(&log, 5).await;
        db.drop_triggers().await;
        redeclare(db, &[(") STRICT", ")")], "").await;
        db.execute("PRAGMA ignore_check_constraints = ON").await;
        let log = reopened(db, log).await;
        for column in ["id", "correlation_id", "causation_id", "hash"] {
            let update = |to: &str| {
                format!("UPDATE activity_entries SET {column} = CAST({column} AS {to}) WHERE sequence = 3")
            };
            db.execute(&update("TEXT")).await;
            let altered = Tampered::Altered { sequence: 3, id: Some(entries[2].id) };
            assert_eq!(tampered(&log).await, altered, "{column}");
            db.execute(&update("BLOB")).await;
            log.verify(&ctx()).await.unwrap();
        }
        // A sequence that is not a number.
        db.execute("UPDATE activity_entries SET sequence = 2.5 WHERE sequence = 3").await;
        assert!(matches!(tampered(&log).await, Tampered::Inserted { sequence: 0, .. }));
        db.execute("UPDATE activity_entries SET sequence = 'x' WHERE sequence = 2.5").await;
        assert_eq!(tampered(&log).await, Tampered::Missing { sequence: 3 });
    }
}

/// With new connections, which have no prepared statements for the old tables.
async fn reopened(db: &Db, log: ActivityLog) -> ActivityLog {
    log.close().await;
    db.open().await
}
