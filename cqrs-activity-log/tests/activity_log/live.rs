//! Entries over HTTP as they are recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cqrs_activity_log::web::Pages;
use cqrs_activity_log::{Activity, ActivityLog};
use cqrs_core::{Actor, Context};
use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::database::on_each_database;
use crate::site::{Site, blocks, events};
use crate::web::assert_headers;

fn acme() -> Context {
    Context::for_tenant("acme").unwrap().with_actor(Actor::user("ada").named("Ada Lovelace"))
}

async fn record(log: &ActivityLog, count: u32) {
    for id in 0..count {
        log.record(&acme(), Activity::new("created", "Report").id(id)).await.unwrap();
    }
}

on_each_database! {
    async fn the_live_tail_resumes_and_ends_with_the_server(db) {
        let log = db.open().await;
        record(&log, 3).await;
        let site = Site::new(&log).await;
        let response = site.get("acme", "/api/live?since=0&entity=Report").await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_headers(&response);
        let mut tail = events(response);
        for expected in 1..=3 {
            let sent = tail.next().await.unwrap();
            assert_eq!((sent.event.as_str(), sent.id), ("entry", expected.to_string()));
            let entry: Value = serde_json::from_str(&sent.data).unwrap();
            assert_eq!(entry["sequence"], expected);
        }
        record(&log, 1).await;
        assert_eq!(tail.next().await.unwrap().id, "4");

        let resumed = site.request("acme", "/api/live?since=0").header("last-event-id", "3");
        let mut resumed = events(resumed.send().await.unwrap());
        assert_eq!(resumed.next().await.unwrap().id, "4", "the header counts");

        site.stop().await;
        assert!(tail.next().await.is_none() && resumed.next().await.is_none());
    }

    async fn a_client_that_reconnects_misses_nothing(db) {
        let log = db.open().await;
        record(&log, 2).await;
        let site = Site::new(&log).await;
        // Nothing was recorded before the connection broke; the first message had the position.
        let mut first = blocks(site.get("acme", "/api/live").await);
        let began = first.next().await.unwrap();
        assert_eq!((began.id.as_str(), began.data.as_str()), ("2", ""));
        drop(first);
        record(&log, 1).await;
        let back = site.request("acme", "/api/live").header("last-event-id", began.id);
        assert_eq!(events(back.send().await.unwrap()).next().await.unwrap().id, "3");
    }

    async fn a_live_tail_from_beyond_the_head_begins_at_the_head(db) {
        let log = db.open().await;
        record(&log, 2).await;
        let site = Site::new(&log).await;
        let beyond = u64::MAX.to_string();
        let header = site.request("acme", "/api/live").header("last-event-id", &beyond).send().await.unwrap();
        let parameter = site.get("acme", "/api/live?since=3").await;
        let (mut header, mut parameter) = (blocks(header), blocks(parameter));
        assert_eq!((header.next().await.unwrap().id, parameter.next().await.unwrap().id), ("2".to_owned(), "2".to_owned()));
        record(&log, 1).await;
        assert_eq!((header.next().await.unwrap().id, parameter.next().await.unwrap().id), ("3".to_owned(), "3".to_owned()));
    }

    async fn a_live_tail_ends_and_access_is_checked_again(db) {
        let log = db.open().await;
        let may = Arc::new(AtomicBool::new(true));
        let pages = Pages::new(log.clone()).live_for(Duration::from_millis(300));
        let site = Site::with(pages.authorize({
            let may = may.clone();
            move |_| may.load(Ordering::Relaxed)
        })).await;
        let mut tail = blocks(site.get("acme", "/api/live").await);
        let mut last = tail.next().await.unwrap().id;
        may.store(false, Ordering::Relaxed);
        while let Some(sent) = tail.next().await {
            last = sent.id;
        }
        record(&log, 1).await;
        let back = || site.request("acme", "/api/live").header("last-event-id", &last).send();
        assert_eq!(back().await.unwrap().status(), StatusCode::FORBIDDEN);
        may.store(true, Ordering::Relaxed);
        assert_eq!(events(back().await.unwrap()).next().await.unwrap().id, "1");
    }

    async fn the_page_is_sent_entries_as_it_shows_them(db) {
        const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
        let log = db.open().await;
        record(&log, 1).await;
        let ctx = acme().with_actor(Actor::user(EVIL).named(EVIL));
        let activity = Activity::new(EVIL, EVIL).id(EVIL).describe(EVIL).data(json!({EVIL: EVIL}));
        let entry = log.record(&ctx, activity).await.unwrap();
        let site = Site::new(&log).await;
        let mut sent = events(site.get("acme", "/live?since=0&from=2020-01-01").await);
        let (first, second) = (sent.next().await.unwrap(), sent.next().await.unwrap());
        assert_eq!((first.event.as_str(), first.id.as_str()), ("entry", "1"));
        assert!(first.data.starts_with("<li class=\"entry\""), "{}", first.data);
        assert!(second.data.contains(&format!("href=\"./entries/{}\"", entry.id)), "{}", second.data);
        assert!(second.data.contains("href=\"../activity?actor="), "{}", second.data);
        assert!(second.data.contains("&#60;script&#62;") && !second.data.contains("<script") && !second.data.contains("<img"));
    }

    async fn live_tails_are_bounded(db) {
        let log = db.open().await;
        let site = Site::with(Pages::new(log).live_limit(1)).await;
        let first = site.get("acme", "/api/live").await;
        assert_eq!(first.status(), StatusCode::OK);
        let second = site.get("acme", "/api/live").await;
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(second.headers().contains_key("retry-after"));
    }

    async fn one_tenant_does_not_take_all_live_tails(db) {
        let log = db.open().await;
        let site = Site::with(Pages::new(log).live_limit(8)).await;
        let own = [site.get("acme", "/api/live").await, site.get("acme", "/api/live").await];
        assert!(own.iter().all(|response| response.status() == StatusCode::OK));
        let refused = site.get("acme", "/api/live").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("of this tenant"), "{problem}");
        let other = site.get("globex", "/api/live").await;
        assert_eq!(other.status(), StatusCode::OK, "there is room for others");
    }
}
