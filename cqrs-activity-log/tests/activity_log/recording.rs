//! What is recorded by hand.

use cqrs_activity_log::{Activity, ActivityLog, Outcome, RecordError};
use cqrs_core::{Actor, Changes, Context};
use jiff::Timestamp;
use serde_json::json;

use crate::database::on_each_database;
use crate::forge::Forged;

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

on_each_database! {
    async fn an_entry_comes_back_as_it_was_recorded(db) {
        let log = db.open().await;
        let support = Actor::service("sync").named("Sync").on_behalf_of(Actor::user(7).named("Ada"));
        let ctx = ctx().with_actor(support.clone()).with_organization("research");
        let changes = Changes::between(&json!({"a": 1}), &json!({"a": 2})).unwrap();
        let occurred_at: Timestamp = "2020-02-29T23:59:59.123456Z".parse().unwrap();
        let activity = Activity::new("exported", "Report")
            .id(42)
            .named("Q3 \u{1f4c8} ' \" ; DROP TABLE activity_entries; --")
            .describe("exported the report")
            .data(json!({"rows": 12, "zero": "a\u{0}b"}))
            .changes(changes.clone())
            .occurred_at(occurred_at)
            .outcome(Outcome::Denied);
        let entry = log.record(&ctx, activity).await.unwrap();

        assert_eq!(log.get(&ctx, entry.id).await.unwrap().unwrap(), entry);
        assert_eq!(entry.sequence, 1);
        assert_eq!(entry.tenant, *ctx.tenant());
        assert_eq!(entry.organization.as_deref(), Some("research"));
        assert_eq!(entry.actor, Some(support));
        assert_eq!((&*entry.action, &*entry.entity_type), ("exported", "Report"));
        assert_eq!(entry.entity_id.as_deref(), Some("42"));
        assert!(entry.entity_name.unwrap().starts_with("Q3 \u{1f4c8} '"));
        assert_eq!(entry.description, "exported the report");
        assert_eq!(entry.changes, Some(changes));
        assert_eq!(entry.data, Some(json!({"rows": 12, "zero": "a\u{0}b"})));
        assert_eq!((entry.event_name, entry.event_version), (None, None));
        assert_eq!(entry.correlation_id, ctx.correlation_id());
        assert_eq!(entry.causation_id, Some(ctx.message_id()));
        assert_eq!(entry.occurred_at, occurred_at);
        assert_eq!(entry.outcome, Outcome::Denied);
        assert_eq!(entry.id.get_version_num(), 7);
        let (seconds, _) = entry.id.get_timestamp().unwrap().to_unix();
        assert_eq!(i64::try_from(seconds).unwrap(), occurred_at.as_second());
    }

    async fn an_entry_belongs_to_its_tenant_alone(db) {
        let log = db.open().await;
        let entry = log.record(&ctx(), Activity::new("closed", "Year")).await.unwrap();
        for other in [Context::for_tenant("globex").unwrap(), Context::system()] {
            assert_eq!(log.get(&other, entry.id).await.unwrap(), None);
            let theirs = log.record(&other, Activity::new("closed", "Year")).await.unwrap();
            assert_eq!(theirs.sequence, 1, "each tenant has a chain of its own");
            assert_eq!(log.get(&ctx(), theirs.id).await.unwrap(), None);
            assert_eq!(log.verify(&other).await.unwrap().entries, 1);
        }
    }

    async fn many_are_recorded_in_order_and_all_or_none(db) {
        let log = db.open().await;
        let at: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let row = |n: usize| Activity::new("imported", "Row").id(n).occurred_at(at);
        let entries = log.record_all(&ctx(), (0..1234).map(row).collect()).await.unwrap();
        let ids: Vec<_> = entries.iter().map(|entry| entry.entity_id.clone().unwrap()).collect();
        assert_eq!(ids, (0..1234).map(|n| n.to_string()).collect::<Vec<_>>());
        assert!(entries.is_sorted_by_key(|entry| entry.sequence));
        assert!(entries.is_sorted_by_key(|entry| entry.id), "one time keeps the order");

        let one_bad = vec![row(1), Activity::new("", "Row"), row(2)];
        assert!(matches!(log.record_all(&ctx(), one_bad).await, Err(RecordError::Invalid(_))));
        let too_many = (0..=ActivityLog::MAX_BATCH).map(row).collect();
        let error = log.record_all(&ctx(), too_many).await.unwrap_err();
        assert!(error.to_string().contains("at most 10000"), "{error}");
        assert_eq!(log.verify(&ctx()).await.unwrap().entries, 1234);
        assert_eq!(log.record_all(&ctx(), Vec::new()).await.unwrap(), []);
    }

    async fn values_that_are_too_long_are_refused_with_their_size(db) {
        let log = db.open_with(ActivityLog::options().payload_limit(2048)).await.unwrap();
        let too_long = "ä".repeat(129);
        let cases = [
            (Activity::new(" ", "Report"), "its action is empty"),
            (Activity::new("exported", ""), "its entity type is empty"),
            (Activity::new(&*too_long, "Report"), "its action has 258 bytes, and at most 256"),
            (Activity::new("exported", "Report").id(&too_long), "its entity id has 258 bytes"),
            (Activity::new("exported", "Report").named(&*too_long), "its entity name has 258 bytes"),
            (
                Activity::new("exported", "Report").describe("x".repeat(1025)),
                "its description has 1025 bytes, and at most 1024",
            ),
            (
                Activity::new("exported", "Report").data(json!("x".repeat(2047))),
                "its data have 2049 bytes of JSON, and at most 2048",
            ),
            (
                Activity::new("exported", "Report")
                    .occurred_at("1969-12-31T23:59:59.9999999Z".parse().unwrap()),
                "begins in 1970",
            ),
            // 256 bytes as given, and 768 as stored.
            (Activity::new("exported", "Report").id("\0".repeat(256)), "its entity id has 768 bytes"),
        ];
        for (activity, reason) in cases {
            let error = log.record(&ctx(), activity).await.unwrap_err();
            assert!(error.is_permanent());
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.to_string().len() < 400, "no value is quoted: {error}");
        }
        let ctx = ctx().with_actor(Actor::user(&too_long));
        let error = log.record(&ctx, Activity::new("exported", "Report")).await.unwrap_err();
        assert!(error.to_string().contains("its actor's id has 258 bytes"), "{error}");
        assert_eq!(log.head(&ctx).await.unwrap().sequence, 0);
    }

    async fn an_activity_that_could_not_be_read_back_is_refused(db) {
        let log = db.open().await;
        let report = || Activity::new("exported", "Report");
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let deepest = log.record(&ctx(), report().data(nested(100))).await.unwrap();

        let deep = r#"{"list":[{"path":"/a","new":"#.to_owned() + &"[".repeat(120) + &"]".repeat(120) + "}]}";
        let deep_changes: Changes = serde_json::from_str(&deep).unwrap();
        let last = Timestamp::from_microsecond(Timestamp::MAX.as_microsecond() - 999_999).unwrap();
        let cases = [
            (report().data(nested(101)), "its data cannot be written as JSON: it is nested deeper"),
            (report().data(nested(130)), "deeper than 100 levels of objects and lists"),
            (report().changes(deep_changes), "its changes cannot be written as JSON"),
            (report().occurred_at(Timestamp::MAX), "could not be read back"),
        ];
        for (activity, reason) in cases {
            let error = log.record_all(&ctx(), vec![report(), activity]).await.unwrap_err();
            assert!(matches!(error, RecordError::Invalid(_)) && error.is_permanent());
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(db.number("SELECT count(*) FROM activity_entries").await, 1);
        assert_eq!(log.get(&ctx(), deepest.id).await.unwrap(), Some(deepest));
        let latest = log.record(&ctx(), report().occurred_at(last)).await.unwrap();
        assert_eq!(log.get(&ctx(), latest.id).await.unwrap().unwrap().occurred_at, last);
    }

    async fn a_nul_character_is_replaced_in_every_text(db) {
        let log = db.open().await;
        let ctx = ctx().with_organization("a\0b").with_actor(Actor::user("u\0").named("N\0"));
        let activity =
            Activity::new("ex\0", "Re\0").id("\0").named("\0n").describe("d\0");
        let entry = log.record(&ctx, activity).await.unwrap();
        assert_eq!(entry.action, "ex\u{fffd}");
        assert_eq!(entry.organization.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(entry.actor.as_ref().unwrap().id(), "u\u{fffd}");
        assert_eq!(log.get(&ctx, entry.id).await.unwrap(), Some(entry));
        log.verify(&ctx).await.unwrap();
    }

    async fn the_time_of_recording_never_goes_back(db) {
        let log = db.open().await;
        let first = log.record(&ctx(), Activity::new("a", "B")).await.unwrap();
        // As if another machine with a fast clock had recorded.
        let recorded_at = first.recorded_at.as_microsecond() + 30_000_000;
        let (tenant, action, entity_type) = ("acme", "a", "B");
        Forged { tenant, action, entity_type, data: "{}".to_owned(), recorded_at }.append(db, &log).await;
        let second = log.record(&ctx(), Activity::new("a", "B")).await.unwrap();
        assert_eq!(second.recorded_at.as_microsecond(), recorded_at);
        assert!(second.occurred_at < second.recorded_at);
    }

    async fn a_wrong_clock_changes_the_time_of_its_own_entries_alone(db) {
        let log = db.open().await;
        let first = log.record(&ctx(), Activity::new("a", "B")).await.unwrap();
        let recorded_at = first.recorded_at.as_microsecond() + 10 * 365 * 86_400_000_000;
        let (tenant, action, entity_type) = ("acme", "a", "B");
        Forged { tenant, action, entity_type, data: "{}".to_owned(), recorded_at }.append(db, &log).await;
        let third = log.record(&ctx(), Activity::new("a", "B")).await.unwrap();
        assert!(third.recorded_at <= jiff::Timestamp::now(), "not in ten years");
        log.verify(&ctx()).await.unwrap();
        // All three are older than that, and so is the entry of the wrong clock.
        let time = crate::after_now().await;
        assert_eq!(log.prune(&ctx(), time).await.unwrap().entries, 3);
        log.verify(&ctx()).await.unwrap();
    }
}

#[test]
fn a_description_is_made_from_action_type_and_name() {
    crate::database::run_on_sqlite(async |db| {
        let log = db.open().await;
        let of = async |activity| log.record(&ctx(), activity).await.unwrap().description;
        assert_eq!(of(Activity::new("closed", "Year")).await, "closed Year");
        assert_eq!(of(Activity::new("closed", "Year").id(2026)).await, "closed Year 2026");
        let named = Activity::new("created", "Employee").id(7).named("Grace Hopper");
        assert_eq!(of(named).await, "created Employee Grace Hopper");
    });
}
