//! Changes of the tables without the log are found.

use cqrs_activity_log::chain::{Head, Tampered, Verification, VerifyError};
use cqrs_activity_log::{Activity, ActivityLog, RecordError};
use cqrs_core::{Actor, Context};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::database::{Db, on_each_database};
use crate::forge::Forged;

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap().with_actor(Actor::user(7).named("Ada"))
}

/// A log with entries of two tenants, in a database without triggers.
async fn unguarded(db: &Db, entries: usize) -> (ActivityLog, Vec<Uuid>) {
    let log = db.open().await;
    let activity = |n: usize| Activity::new("created", "Task").id(n).data(json!({"n": n}));
    let recorded = log.record_all(&ctx(), (1..=entries).map(activity).collect()).await.unwrap();
    let other = Context::for_tenant("globex").unwrap();
    log.record_all(&other, (1..=5).map(activity).collect()).await.unwrap();
    assert_eq!(log.verify(&ctx()).await.unwrap().entries, entries as u64);
    db.drop_triggers().await;
    (log, recorded.into_iter().map(|entry| entry.id).collect())
}

async fn tampered(log: &ActivityLog) -> Tampered {
    // The other tenant's chain is sound.
    log.verify(&Context::for_tenant("globex").unwrap()).await.unwrap();
    match log.verify(&ctx()).await {
        Err(VerifyError::Tampered(tampered)) => tampered,
        other => panic!("not found out: {other:?}"),
    }
}

const ACME: &str = "tenant = 'acme'";

fn remove_chain(db: &Db) -> String {
    let delete = format!("DELETE FROM activity_chains WHERE {ACME}");
    if db.is_sqlite() {
        return format!("DROP TRIGGER IF EXISTS activity_chains_refuse_delete; {delete}");
    }
    format!("ALTER TABLE activity_chains DISABLE TRIGGER USER; {delete}")
}

/// Adds a row that is a copy of another one, with another sequence and id.
async fn insert_copy(db: &Db, of: i64, sequence: i64) {
    let columns = "organization, actor_kind, actor_id, actor_name, behalf_kind, behalf_id, \
         behalf_name, action, entity_type, entity_id, entity_name, description, changes, data, \
         event_name, event_version, correlation_id, causation_id, occurred_at, recorded_at, outcome, \
         hash";
    let id = Uuid::now_v7().simple().to_string();
    let id = if db.is_sqlite() { format!("x'{id}'") } else { format!("'{id}'::uuid") };
    db.execute(&format!(
        "INSERT INTO activity_entries (tenant, id, sequence, {columns}) SELECT tenant, {id}, \
         {sequence}, {columns} FROM activity_entries WHERE {ACME} AND sequence = {of}"
    ))
    .await;
}

on_each_database! {
    async fn every_altered_column_is_found(db) {
        let (log, ids) = unguarded(db, 8).await;
        let other_id = Uuid::now_v7().simple().to_string();
        let quoted = |id: &str| {
            if db.is_sqlite() { format!("x'{id}'") } else { format!("'{id}'::uuid") }
        };
        let mut changes: Vec<(&str, String)> = [
            "organization", "actor_kind", "actor_id", "actor_name", "behalf_kind", "behalf_id",
            "behalf_name", "action", "entity_type", "entity_id", "entity_name", "description",
            "changes", "data", "event_name", "outcome",
        ]
        .map(|column| (column, "'forged'".to_owned()))
        .to_vec();
        for number in ["event_version", "occurred_at", "recorded_at"] {
            changes.push((number, "7".to_owned()));
        }
        for id in ["correlation_id", "causation_id"] {
            changes.push((id, quoted(&other_id)));
        }
        changes.push(("actor_name", "NULL".to_owned()));
        changes.push(("data", "NULL".to_owned()));
        let hash = "00".repeat(32);
        let hash = if db.is_sqlite() { format!("x'{hash}'") } else { format!("'\\x{hash}'::bytea") };
        changes.push(("hash", hash));
        for (column, value) in changes {
            let row = format!("FROM activity_entries WHERE {ACME} AND sequence = 5");
            db.execute(&format!("CREATE TABLE kept AS SELECT {column} AS value {row}")).await;
            let update = |value: &str| format!(
                "UPDATE activity_entries SET {column} = {value} WHERE {ACME} AND sequence = 5"
            );
            db.execute(&update(&value)).await;
            let expected = Tampered::Altered { sequence: 5, id: Some(ids[4]) };
            assert_eq!(tampered(&log).await, expected, "{column}");
            db.execute(&update("(SELECT value FROM kept)")).await;
            db.execute("DROP TABLE kept").await;
            log.verify(&ctx()).await.unwrap();
        }
        // The id itself.
        let forged = quoted(&other_id);
        let update = format!("UPDATE activity_entries SET id = {forged} WHERE {ACME} AND sequence = 5");
        db.execute(&update).await;
        let id = Some(Uuid::parse_str(&other_id).unwrap());
        assert_eq!(tampered(&log).await, Tampered::Altered { sequence: 5, id });
    }

    async fn the_first_altered_entry_is_named(db) {
        let (log, ids) = unguarded(db, 2500).await;
        for sequence in [2400, 1700] {
            let which = format!("{ACME} AND sequence = {sequence}");
            db.execute(&format!("UPDATE activity_entries SET action = 'x' WHERE {which}")).await;
        }
        let tampered = tampered(&log).await;
        assert_eq!(tampered, Tampered::Altered { sequence: 1700, id: Some(ids[1699]) });
        assert!(tampered.to_string().contains(&format!("entry 1700 ({})", ids[1699])));
    }

    async fn a_missing_entry_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence = 3")).await;
        assert_eq!(tampered(&log).await, Tampered::Missing { sequence: 3 });
    }

    async fn a_missing_entry_is_found_where_the_rest_moved_up(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence = 3")).await;
        for sequence in 4..=8 {
            db.execute(&format!(
                "UPDATE activity_entries SET sequence = {} WHERE {ACME} AND sequence = {sequence}",
                sequence - 1,
            ))
            .await;
        }
        db.execute(&format!("UPDATE activity_chains SET head_sequence = 7 WHERE {ACME}")).await;
        assert!(matches!(tampered(&log).await, Tampered::Altered { sequence: 3, .. }));
    }

    async fn a_missing_beginning_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence <= 2")).await;
        assert_eq!(tampered(&log).await, Tampered::Missing { sequence: 1 });
        // As if retention had removed it.
        db.execute(&format!(
            "UPDATE activity_chains SET base_sequence = 2, base_hash = base_hash WHERE {ACME}"
        ))
        .await;
        assert!(matches!(tampered(&log).await, Tampered::Altered { sequence: 3, .. }));
    }

    async fn a_beginning_that_was_removed_without_retention_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute(&format!(
            "UPDATE activity_chains SET base_sequence = 2, base_hash = (SELECT hash FROM \
             activity_entries WHERE {ACME} AND sequence = 2) WHERE {ACME}"
        ))
        .await;
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence <= 2")).await;
        assert_eq!(tampered(&log).await, Tampered::BeginningCutOff { sequence: 2 });
    }

    async fn an_inserted_entry_is_found_wherever_it_is(db) {
        let (log, _) = unguarded(db, 8).await;
        insert_copy(db, 3, 9).await;
        assert!(matches!(tampered(&log).await, Tampered::Inserted { sequence: 9, .. }));
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence = 9")).await;
        log.verify(&ctx()).await.unwrap();

        // Between two others, with the later ones moved up.
        for sequence in (4..=8).rev() {
            db.execute(&format!(
                "UPDATE activity_entries SET sequence = {} WHERE {ACME} AND sequence = {sequence}",
                sequence + 1,
            ))
            .await;
        }
        insert_copy(db, 3, 4).await;
        db.execute(&format!("UPDATE activity_chains SET head_sequence = 9 WHERE {ACME}")).await;
        assert!(matches!(tampered(&log).await, Tampered::Inserted { sequence: 4, .. }));
    }

    async fn reordered_entries_are_found(db) {
        let (log, ids) = unguarded(db, 8).await;
        for (from, to) in [(5, 100), (6, 5), (100, 6)] {
            db.execute(&format!(
                "UPDATE activity_entries SET sequence = {to} WHERE {ACME} AND sequence = {from}"
            ))
            .await;
        }
        assert_eq!(tampered(&log).await, Tampered::Altered { sequence: 5, id: Some(ids[5]) });
    }

    async fn an_entry_moved_to_another_tenant_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute("DELETE FROM activity_entries WHERE tenant = 'globex' AND sequence = 5").await;
        db.execute(&format!(
            "UPDATE activity_entries SET tenant = 'globex' WHERE {ACME} AND sequence = 5"
        ))
        .await;
        let globex = Context::for_tenant("globex").unwrap();
        let found = log.verify(&globex).await.unwrap_err();
        assert!(matches!(found, VerifyError::Tampered(Tampered::Altered { sequence: 5, .. })));
        let found = log.verify(&ctx()).await.unwrap_err();
        assert!(matches!(found, VerifyError::Tampered(Tampered::Missing { sequence: 5 })));
    }

    async fn a_cut_off_end_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        let noted = log.head(&ctx()).await.unwrap();
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME} AND sequence > 6")).await;
        assert_eq!(tampered(&log).await, Tampered::CutOff { sequence: 7, head: 8 });

        // With the head set back, the rest is a sound chain; only the noted head shows it.
        db.execute(&format!("UPDATE activity_chains SET head_sequence = 6 WHERE {ACME}")).await;
        assert_eq!(tampered(&log).await, Tampered::HeadMismatch { sequence: 6 });
        db.execute(&format!(
            "UPDATE activity_chains SET head_hash = (SELECT hash FROM activity_entries \
             WHERE {ACME} AND sequence = 6) WHERE {ACME}"
        ))
        .await;
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 6);
        let found = log.verify_against(&ctx(), &noted).await.unwrap_err();
        let cut_off = Tampered::CutOff { sequence: 7, head: 8 };
        assert!(matches!(found, VerifyError::Tampered(found) if found == cut_off));

        // And with others in their place.
        for n in 0..4 {
            log.record(&ctx(), Activity::new("forged", "Task").id(n)).await.unwrap();
        }
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 10);
        let found = log.verify_against(&ctx(), &noted).await.unwrap_err();
        assert!(matches!(found, VerifyError::Tampered(Tampered::Rewritten { sequence: 8 })));
    }

    async fn an_altered_time_of_the_head_is_found_and_never_taken_over(db) {
        let log = db.open().await;
        for n in 0..3 {
            log.record(&ctx(), Activity::new("created", "Task").id(n)).await.unwrap();
        }
        let year_9000 = 221_845_395_600_000_000_i64;
        for time in [i64::MAX, year_9000, 0, i64::MIN] {
            // Nothing refuses it.
            db.execute(&format!("UPDATE activity_chains SET head_recorded_at = {time}")).await;
            let sequence = log.head(&ctx()).await.unwrap().sequence;
            let found = log.verify(&ctx()).await.unwrap_err();
            let expected = Tampered::HeadMismatch { sequence };
            assert!(matches!(&found, VerifyError::Tampered(found) if *found == expected), "{found}");

            let entry = log.record(&ctx(), Activity::new("created", "Task")).await.unwrap();
            assert!(entry.recorded_at <= Timestamp::now(), "{entry:?}");
            assert_eq!(log.get(&ctx(), entry.id).await.unwrap(), Some(entry));
        }
        log.verify(&ctx()).await.unwrap();
    }

    async fn an_entry_that_could_not_be_read_is_not_stored(db) {
        let log = db.open().await;
        log.record(&ctx(), Activity::new("created", "Task")).await.unwrap();
        let other = Context::for_tenant("globex").unwrap();
        log.record(&other, Activity::new("created", "Task")).await.unwrap();
        let refused = async || {
            let error = log.record(&ctx(), Activity::new("created", "Task")).await.unwrap_err();
            assert!(
                matches!(&error, RecordError::Tampered { tenant } if tenant == "acme") && error.is_permanent(),
                "{error}"
            );
            // Other tenants can still record.
            log.record(&other, Activity::new("created", "Task")).await.unwrap();
            log.verify(&other).await.unwrap();
        };
        // A time that no clock has, also in the entry itself, is not taken over.
        let (tenant, action, entity_type) = ("acme", "created", "Task");
        let data = "{}".to_owned();
        Forged { tenant, action, entity_type, data, recorded_at: i64::MAX }.append(db, &log).await;
        let entry = log.record(&ctx(), Activity::new("created", "Task")).await.unwrap();
        assert!(entry.recorded_at <= Timestamp::now(), "{entry:?}");
        db.execute(&format!("UPDATE activity_chains SET head_sequence = {} WHERE {ACME}", i64::MAX)).await;
        refused().await;
        assert_eq!(db.number(&format!("SELECT count(*) FROM activity_entries WHERE {ACME}")).await, 3);
        log.verify(&ctx()).await.unwrap_err();
    }

    async fn a_chain_with_impossible_sequences_fails_only_its_own_verification(db) {
        let log = db.open().await;
        log.record(&Context::for_tenant("globex").unwrap(), Activity::new("a", "B")).await.unwrap();
        let (least, most) = (i64::MIN + 1, i64::MAX);
        for (base, head) in [(least, most), (most, least), (least, least), (most, most), (most - 1, most)] {
            db.execute(&format!(
                "INSERT INTO activity_chains (tenant, base_sequence, head_sequence) \
                 VALUES ('acme', {base}, {head})"
            ))
            .await;
            tampered(&log).await;
            log.prune(&ctx(), Timestamp::now()).await.unwrap();
            if head == least {
                log.record(&ctx(), Activity::new("a", "B")).await.unwrap_err();
            }
            db.execute(&remove_chain(db)).await;
        }
    }

    async fn a_removed_chain_is_found(db) {
        let (log, _) = unguarded(db, 8).await;
        db.execute(&format!("DELETE FROM activity_chains WHERE {ACME}")).await;
        assert!(matches!(tampered(&log).await, Tampered::Inserted { sequence: 1, .. }));
        db.execute(&format!("DELETE FROM activity_entries WHERE {ACME}")).await;
        // Only the noted head shows that there was a chain.
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 0);
    }

    async fn a_chain_that_was_rewritten_is_not_the_noted_one(db) {
        let log = db.open().await;
        for n in 0..5 {
            log.record(&ctx(), Activity::new("forged", "Task").id(n)).await.unwrap();
        }
        log.prune(&ctx(), crate::after_now().await).await.unwrap();
        let noted = format!("activity-head/1:acme:3:{}", "ab".repeat(32)).parse().unwrap();
        let error = log.verify_against(&ctx(), &noted).await.unwrap_err();
        assert!(matches!(error, VerifyError::HeadPruned { sequence: 3, pruned: 5 }), "{error}");
        assert!(error.to_string().contains("nothing proves"), "{error}");
        assert!(error.to_string().contains("has been rewritten"), "{error}");
    }

    async fn a_noted_head_is_found_again(db) {
        let log = db.open().await;
        let mut noted: Vec<Head> = vec![log.head(&ctx()).await.unwrap()];
        for n in 0..20 {
            log.record(&ctx(), Activity::new("created", "Task").id(n)).await.unwrap();
            noted.push(log.head(&ctx()).await.unwrap());
        }
        for head in &noted {
            let read = head.to_string().parse().unwrap();
            let Verification { entries, .. } = log.verify_against(&ctx(), &read).await.unwrap();
            assert_eq!(entries, 20);
        }
        let globex = Context::for_tenant("globex").unwrap();
        let error = log.verify_against(&globex, &noted[3]).await.unwrap_err();
        assert!(matches!(error, VerifyError::OtherTenant), "{error}");
    }
}
