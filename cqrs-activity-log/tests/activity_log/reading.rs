//! Filters, limits, cursors, streams and the live tail.

use std::collections::BTreeSet;
use std::pin::pin;

use cqrs_activity_log::query::{Cursor, InvalidCursor, Page};
use cqrs_activity_log::{
    Activity, ActivityLog, Entry, Filter, Order, Outcome, PageRequest, ReadError,
};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, modules};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use jiff::Timestamp;

use crate::database::{Db, on_each_database};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "lamp.lit", entity = "Lamp", action = "lit")]
struct LampLit {
    #[event(entity_id)]
    lamp_id: u32,
}

/// An event of these tests only.
#[events_handler(LampLit)]
struct Forget;

impl EventHandler<LampLit> for Forget {
    async fn handle(&self, _event: &LampLit, _ctx: &Context) -> HandlerResult {
        Ok(())
    }
}

fn builder() -> AppBuilder {
    App::builder().only(modules![self])
}

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap()
}

fn at(time: &str) -> Timestamp {
    format!("2026-03-01T{time}Z").parse().unwrap()
}

async fn all(log: &ActivityLog, filter: &Filter) -> Vec<Entry> {
    log.query(&ctx(), filter, &PageRequest::oldest().limit(200)).await.unwrap().entries
}

/// The ids of the entities that the found entries are about.
async fn found(log: &ActivityLog, filter: Filter) -> Vec<String> {
    let entries = all(log, &filter).await;
    entries.into_iter().map(|entry| entry.entity_id.unwrap_or_default()).collect()
}

async fn with_five(db: &Db) -> ActivityLog {
    let log = db.open().await;
    let ada =
        ctx().with_actor(Actor::user("ada").named("Ada Lovelace")).with_organization("research");
    let sync = ctx().with_actor(Actor::service("sync").on_behalf_of(Actor::user("ada")));
    let of = |action, entity, id: u32| Activity::new(action, entity).id(id);
    let entries = [
        (&ada, of("created", "Report", 1).named("Q1 Größe").occurred_at(at("10:00:00"))),
        (&ada, of("deleted", "Report", 2).occurred_at(at("11:00:00.000001"))),
        (&sync, of("created", "Invoice", 3).occurred_at(at("11:00:00.000999"))),
        (&sync, of("created", "Invoice", 4).outcome(Outcome::Failed).occurred_at(at("12:00:00"))),
        (
            &sync,
            of("sent", "Invoice", 5)
                .describe("e-mailed it")
                .outcome(Outcome::Denied)
                .occurred_at(at("13:00:00")),
        ),
    ];
    for (ctx, activity) in entries {
        log.record(ctx, activity).await.unwrap();
    }
    let other = Context::for_tenant("globex").unwrap();
    log.record(&other, of("created", "Report", 6).occurred_at(at("10:00:00"))).await.unwrap();
    log
}

on_each_database! {
    async fn each_filter_finds_what_it_says(db) {
        let log = with_five(db).await;
        let correlation = all(&log, &Filter::new()).await[2].correlation_id;
        let cases = [
            (Filter::new(), "1 2 3 4 5"),
            (Filter::new().organization("research"), "1 2"),
            (Filter::new().entity("Report"), "1 2"),
            (Filter::new().entity("Invoice").entity_id(4), "4"),
            (Filter::new().action("created"), "1 3 4"),
            (Filter::new().actor("ada"), "1 2"),
            (Filter::new().actor("sync"), "3 4 5"),
            (Filter::new().from(at("11:00:00.000001")), "2 3 4 5"),
            (Filter::new().from(at("11:00:00.000002")), "3 4 5"),
            (Filter::new().from(at("11:00:00.000001001")), "3 4 5"),
            (Filter::new().to(at("11:00:00.000999")), "1 2"),
            (Filter::new().to(at("11:00:00.001")), "1 2 3"),
            (Filter::new().from(at("11:00:00")).to(at("12:00:00")), "2 3"),
            (Filter::new().from(at("11:00:00")).to(at("11:00:00")), ""),
            (Filter::new().from(Timestamp::MIN).to(Timestamp::MAX), "1 2 3 4 5"),
            (Filter::new().from(Timestamp::MAX), ""),
            (Filter::new().to(Timestamp::MIN), ""),
            (Filter::new().correlation(correlation), "3 4 5"),
            (Filter::new().correlation(Uuid::nil()), ""),
            (Filter::new().outcome(Outcome::Succeeded), "1 2 3"),
            (Filter::new().outcome(Outcome::Denied), "5"),
            (Filter::new().text("GRÖSSE"), ""),
            (Filter::new().text("GRÖßE"), "1"),
            (Filter::new().text("lovelace delet"), "2"),
            (Filter::new().text("mailed"), "5"),
            (Filter::new().text("sync invoice"), "3 4 5"),
            (Filter::new().text("%"), ""),
            (Filter::new().action("created").entity("Invoice").outcome(Outcome::Failed), "4"),
            (Filter::new().action("CREATED"), ""),
            (Filter::new().action("' OR 1=1 --"), ""),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(&log, filter.clone()).await.join(" "), expected, "{filter:?}");
        }
    }

    async fn events_are_found_by_their_name(db) {
        let log = with_five(db).await;
        let app = TestApp::from_builder(builder().plugin(log.clone())).build().unwrap();
        app.publish(&ctx(), LampLit { lamp_id: 9 }).await.unwrap();
        app.settled().await;
        assert_eq!(found(&log, Filter::new().event("lamp.lit")).await, ["9"]);
    }

    async fn the_newest_or_the_oldest_come_first(db) {
        let log = with_five(db).await;
        let newest = log.query(&ctx(), &Filter::new(), &PageRequest::newest().limit(2)).await.unwrap();
        let ids: Vec<_> = newest.entries.iter().filter_map(|entry| entry.entity_id.clone()).collect();
        assert_eq!(ids, ["5", "4"]);
        assert!(newest.next.is_some());
        let last = PageRequest::oldest().limit(5);
        let Page { entries, next, .. } = log.query(&ctx(), &Filter::new(), &last).await.unwrap();
        assert_eq!((entries.len(), next), (5, None), "a full page may be the last");
    }

    async fn a_limit_is_from_1_to_200(db) {
        let log = with_five(db).await;
        for limit in [0, 201, u32::MAX] {
            let error = log.query(&ctx(), &Filter::new(), &PageRequest::newest().limit(limit)).await.unwrap_err();
            assert!(matches!(&error, ReadError::Limit(wrong) if wrong.limit == u64::from(limit)));
            assert!(error.to_string().contains("from 1 to 200"), "{error}");
        }
        for limit in [1, 200] {
            log.query(&ctx(), &Filter::new(), &PageRequest::newest().limit(limit)).await.unwrap();
        }
    }

    async fn a_filter_that_cannot_match_is_an_error_everywhere(db) {
        let log = db.open().await;
        let filter = Filter::new().entity_id(7);
        let first = |error: ReadError| matches!(error, ReadError::Filter(error) if error.field() == "entity_id");
        assert!(first(log.query(&ctx(), &filter, &PageRequest::newest()).await.unwrap_err()));
        let stream = log.stream(&ctx(), &filter, Order::OldestFirst);
        assert!(first(stream.try_collect::<Vec<_>>().await.unwrap_err()));
        assert!(first(log.tail(&ctx(), &filter, None).try_collect::<Vec<_>>().await.unwrap_err()));
    }

    async fn a_cursor_continues_only_its_own_query(db) {
        let log = with_five(db).await;
        let request = PageRequest::oldest().limit(1);
        let next = log.query(&ctx(), &Filter::new(), &request).await.unwrap().next;
        let follow = |ctx: Context, filter: Filter, request: PageRequest| {
            let log = log.clone();
            async move { log.query(&ctx, &filter, &request.after(next)).await }
        };
        assert_eq!(follow(ctx(), Filter::new(), request).await.unwrap().entries[0].entity_id.as_deref(), Some("2"));
        let globex = Context::for_tenant("globex").unwrap();
        let refused = [
            follow(globex, Filter::new(), request).await,
            follow(Context::system(), Filter::new(), request).await,
            follow(ctx(), Filter::new().action("created"), request).await,
            follow(ctx(), Filter::new(), PageRequest::newest()).await,
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert!(matches!(error, ReadError::Cursor(InvalidCursor::OfAnotherQuery)), "{error}");
        }
    }
}

on_each_database! {
    slow;

    async fn a_search_stops_and_says_where(db) {
        let log = db.open().await;
        let needle = Activity::new("hid", "Needle").id(1).occurred_at(at("00:00:00"));
        log.record(&ctx(), needle).await.unwrap();
        let mut straw = PageRequest::MAX_LOOKED_AT + 10;
        while straw > 0 {
            let batch = straw.min(5_000);
            let activities = (0..batch).map(|_| Activity::new("piled", "Straw").occurred_at(at("01:00:00")));
            log.record_all(&ctx(), activities.collect()).await.unwrap();
            straw -= batch;
        }
        let filter = Filter::new().text("needle");
        let first = log.query(&ctx(), &filter, &PageRequest::newest()).await.unwrap();
        assert!(first.entries.is_empty());
        assert_eq!(first.searched_until, Some(at("01:00:00")));
        let rest = log.query(&ctx(), &filter, &PageRequest::newest().after(first.next)).await.unwrap();
        assert_eq!((rest.entries.len(), rest.next, rest.searched_until), (1, None, None));
    }
}

on_each_database! {
    async fn a_stream_is_what_was_there_when_it_began(db) {
        let log = with_five(db).await;
        let newest: Vec<_> = log.stream(&ctx(), &Filter::new(), Order::NewestFirst).try_collect().await.unwrap();
        let mut expected = all(&log, &Filter::new()).await;
        expected.reverse();
        assert_eq!(newest, expected);

        let mut stream = std::pin::pin!(log.stream(&ctx(), &Filter::new(), Order::OldestFirst));
        let mut count = 0;
        while let Some(entry) = stream.try_next().await.unwrap() {
            assert_ne!(entry.entity_type, "Late");
            log.record(&ctx(), Activity::new("came", "Late")).await.unwrap();
            count += 1;
        }
        assert_eq!(count, 5, "an export ends, whatever is recorded meanwhile");
    }

    async fn a_reader_that_pages_forward_misses_nothing_that_happened_before(db) {
        let log = with_five(db).await;
        let mut request = PageRequest::as_recorded().limit(2);
        let mut read = Vec::new();
        loop {
            let page = log.query(&ctx(), &Filter::new(), &request).await.unwrap();
            read.extend(page.entries.iter().map(|entry| entry.sequence));
            if read.len() == 2 {
                let late = Activity::new("came", "Late").occurred_at(at("00:00:01"));
                log.record(&ctx(), late).await.unwrap();
            }
            let Some(next) = page.next else { break };
            let next = next.to_string().parse::<Cursor>().unwrap();
            request = request.after(next);
        }
        assert_eq!(read, [1, 2, 3, 4, 5, 6]);
        let streamed = log.stream(&ctx(), &Filter::new().entity("Late"), Order::AsRecorded);
        let streamed: Vec<_> = streamed.try_collect().await.unwrap();
        assert_eq!((streamed.len(), streamed[0].sequence), (1, 6));
    }

    async fn a_search_reads_only_the_entries_that_match(db) {
        let log = with_five(db).await;
        log.record(&ctx(), Activity::new("found", "Needle")).await.unwrap();
        db.drop_triggers().await;
        // An entry that cannot be read stops no search that does not find it.
        db.execute("UPDATE activity_entries SET outcome = 'nonsense' WHERE sequence = 2").await;
        let found = log.query(&ctx(), &Filter::new().text("needle"), &PageRequest::newest()).await;
        assert_eq!(found.unwrap().entries.len(), 1);
        log.query(&ctx(), &Filter::new(), &PageRequest::newest()).await.unwrap_err();
    }

    async fn the_tail_yields_each_new_entry_once_in_order(db) {
        let log = with_five(db).await;
        let mut tail = std::pin::pin!(log.tail(&ctx(), &Filter::new().action("counted"), None));
        assert!(tail.next().now_or_never().is_none(), "nothing old");
        let writer = tokio::spawn({
            let log = log.clone();
            async move {
                for number in 0..300 {
                    let (action, tenant) = if number % 2 == 0 { ("counted", "acme") } else { ("other", "globex") };
                    let ctx = Context::for_tenant(tenant).unwrap();
                    log.record(&ctx, Activity::new(action, "Number").id(number)).await.unwrap();
                }
            }
        });
        // It was polled once, but may not have read the end of the log yet.
        let mut seen: Vec<u32> = Vec::new();
        while seen.last() != Some(&298) {
            let entry = tail.next().await.unwrap().unwrap();
            seen.push(entry.entity_id.unwrap().parse().unwrap());
        }
        writer.await.unwrap();
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.iter().all(|number| number % 2 == 0), "{seen:?}");
    }

    async fn the_tail_continues_after_a_sequence(db) {
        let log = with_five(db).await;
        let tail = log.tail(&ctx(), &Filter::new(), Some(3));
        let seen: Vec<_> = tail.take(2).map_ok(|entry| entry.sequence).try_collect().await.unwrap();
        assert_eq!(seen, [4, 5]);
    }

    async fn the_tail_sees_what_another_process_records(db) {
        let (log, other) = (with_five(db).await, db.open().await);
        let mut tail = std::pin::pin!(log.tail(&ctx(), &Filter::new(), Some(5)));
        assert!(tail.next().now_or_never().is_none());
        other.record(&ctx(), Activity::new("came", "Elsewhere")).await.unwrap();
        assert_eq!(tail.next().await.unwrap().unwrap().entity_type, "Elsewhere");
    }

    async fn an_entry_that_cannot_be_read_does_not_hide_others(db) {
        let log = with_five(db).await;
        let entries = all(&log, &Filter::new()).await;
        let deep = "[".repeat(200) + &"]".repeat(200);
        db.drop_triggers().await;
        for (column, value, entry) in
            [("data", &*deep, &entries[0]), ("changes", "no JSON", &entries[1])]
        {
            let which = format!("sequence = {}", entry.sequence);
            db.execute(&format!("UPDATE activity_entries SET {column} = '{value}' WHERE {which}")).await;
        }

        let read = all(&log, &Filter::new()).await;
        assert_eq!(read.len(), entries.len());
        let data = read[0].data.as_ref().unwrap().as_str().unwrap();
        assert!(data.starts_with("[unreadable: recursion limit"), "{data}");
        let changes = read[1].changes.as_ref().unwrap();
        assert!(changes.to_string().contains("[unreadable: expected"), "{changes}");
        assert!(!changes.is_complete());
        assert_eq!(read[0].description, entries[0].description);
        assert_eq!(log.get(&ctx(), read[0].id).await.unwrap().as_ref(), Some(&read[0]));

        let streamed = log.stream(&ctx(), &Filter::new(), Order::OldestFirst);
        assert_eq!(streamed.try_collect::<Vec<_>>().await.unwrap().len(), entries.len());
        let mut tail = pin!(log.tail(&ctx(), &Filter::new(), Some(0)));
        for sequence in 1..=5 {
            assert_eq!(tail.try_next().await.unwrap().unwrap().sequence, sequence);
        }
        let lines = log.export_json_lines(&ctx(), &Filter::new(), Order::OldestFirst);
        lines.try_collect::<Vec<_>>().await.unwrap();
        log.verify(&ctx()).await.unwrap_err();
    }

    async fn a_bound_before_1970_finds_what_comes_after_it(db) {
        let log = db.open().await;
        let first = Activity::new("founded", "Company").occurred_at(Timestamp::UNIX_EPOCH);
        log.record(&ctx(), first).await.unwrap();
        let before: Timestamp = "1969-12-31T23:59:59.9999995Z".parse().unwrap();
        assert_eq!(found(&log, Filter::new().from(before)).await.len(), 1);
        assert_eq!(found(&log, Filter::new().to(before)).await.len(), 0);
        let after: Timestamp = "1970-01-01T00:00:00.0000005Z".parse().unwrap();
        assert_eq!(found(&log, Filter::new().from(after)).await.len(), 0);
        assert_eq!(found(&log, Filter::new().to(after)).await.len(), 1);
    }

    async fn facets_are_the_values_that_occur(db) {
        let log = with_five(db).await;
        let facets = log.facets(&ctx()).await.unwrap();
        assert_eq!(facets.entities.values, ["Invoice", "Report"]);
        assert_eq!(facets.actions.values, ["created", "deleted", "sent"]);
        assert_eq!(facets.organizations.values, ["research"]);
        assert!(facets.actions.is_complete);
        let theirs = log.facets(&Context::for_tenant("globex").unwrap()).await.unwrap();
        assert_eq!(theirs.entities.values, ["Report"]);
        let system = log.facets(&Context::system()).await.unwrap();
        assert!(system.entities.values.is_empty() && system.entities.is_complete);

        let many: Vec<_> = (0..150).map(|n| Activity::new(format!("action-{n:03}"), "Thing")).collect();
        log.record_all(&ctx(), many).await.unwrap();
        let actions = log.facets(&ctx()).await.unwrap().actions;
        assert_eq!((actions.values.len(), actions.is_complete), (100, false));
        assert_eq!(actions.values.iter().collect::<BTreeSet<_>>().len(), 100);
    }
}
