//! The router: what it answers, and what it refuses.

use std::collections::BTreeSet;

use cqrs_activity_log::web::Pages;
use cqrs_activity_log::{Activity, ActivityLog, Filter, Outcome, PageRequest};
use cqrs_core::{Actor, Changes, Context};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::on_each_database;
use crate::site::Site;

fn acme() -> Context {
    Context::for_tenant("acme").unwrap().with_actor(Actor::user("ada").named("Ada Lovelace"))
}

async fn record(log: &ActivityLog, count: u32) {
    for id in 0..count {
        log.record(&acme(), Activity::new("created", "Report").id(id)).await.unwrap();
    }
}

/// Every path that shows entries of a tenant.
const PATHS: [&str; 10] = [
    "",
    "/live",
    "/verify",
    "/entries/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f",
    "/api/entries",
    "/api/entries/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f",
    "/api/export.jsonl",
    "/api/export.csv",
    "/api/live",
    "/api/verify",
];

/// What every response carries.
#[track_caller]
pub(crate) fn assert_headers(response: &reqwest::Response) {
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = header("content-security-policy").expect("a content security policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
}

on_each_database! {
    async fn a_request_without_a_context_is_refused(db) {
        let log = db.open().await;
        record(&log, 1).await;
        let site = Site::new(&log).await;
        for path in PATHS.into_iter().chain(["/nowhere"]) {
            let response = site.client().get(site.url(path)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_headers(&response);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert!(response.headers().contains_key("www-authenticate"));
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["status"], 401);
        }
    }

    async fn a_context_without_the_right_is_refused(db) {
        let log = db.open().await;
        let site = Site::with(Pages::new(log).authorize(|ctx| ctx.tenant().is_system())).await;
        for path in PATHS {
            let response = site.get("acme", path).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
            assert_headers(&response);
        }
        assert_eq!(site.get("system", "/api/entries").await.status(), StatusCode::OK);
    }

    async fn every_answer_carries_the_security_headers(db) {
        let log = db.open().await;
        let site = Site::new(&log).await;
        for path in PATHS.into_iter().chain(["/nowhere", "/api/entries?limit=0", "?limit=0"]) {
            assert_headers(&site.get("acme", path).await);
        }
        let page = site.text("acme", "").await;
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"));
    }

    async fn every_page_leads_back_to_the_product(db) {
        let log = db.open().await;
        record(&log, 1).await;
        let entry = log.query(&acme(), &Filter::new(), &PageRequest::newest()).await.unwrap().entries.remove(0);
        let site = Site::with(Pages::new(log.clone()).home("/?a=1&b=\"2\"", "Acme <b>& Sons")).await;
        for path in ["", "?limit=0", "/verify", &format!("/entries/{}", entry.id), "/entries/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f"] {
            let page = site.text("acme", path).await;
            assert!(page.contains("href=\"/?a=1&#38;b=&#34;2&#34;\""), "{path}: {page}");
            assert!(page.contains("Acme &#60;b&#62;&#38; Sons"), "{path}: {page}");
        }
        let without = Site::new(&log).await.text("acme", "").await;
        assert!(!without.contains("←"), "{without}");
    }

    async fn assets_are_cached_under_the_name_of_their_content(db) {
        let log = db.open().await;
        let site = Site::new(&log).await;
        let page = site.text("acme", "").await;
        let name = |before: &str| {
            let start = page.find(before).unwrap() + before.len();
            page[start..].split('"').next().unwrap().to_owned()
        };
        for name in [name("rel=\"stylesheet\" href=\"./activity"), name("type=\"module\" src=\"./activity")] {
            let response = site.get("acme", &name).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        }
        assert_eq!(site.get("acme", "/assets/activity-0.css").await.status(), StatusCode::NOT_FOUND);
    }

    async fn the_api_filters_orders_and_pages(db) {
        let log = db.open().await;
        record(&log, 5).await;
        let site = Site::new(&log).await;
        let first = site.json("acme", "/api/entries?entity=Report&action=created&order=oldest&limit=3").await;
        let ids = |page: &Value| page["entries"].as_array().unwrap().iter().map(|entry| entry["entity_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ["0", "1", "2"]);
        let next = first["next"].as_str().unwrap();
        let second = site.json("acme", &format!("/api/entries?entity=Report&action=created&order=oldest&limit=3&after={next}")).await;
        assert_eq!(ids(&second), ["3", "4"]);
        assert_eq!(second["next"], Value::Null);
        let one = site.json("acme", "/api/entries?q=ADA&entity=Report&entity_id=4&actor=ada&from=2020-01-01&to=2100-01-01T00:00:00Z&tz=Europe/Berlin&outcome=succeeded").await;
        assert_eq!(ids(&one), ["4"]);
        let id = one["entries"][0]["id"].as_str().unwrap();
        assert_eq!(site.json("acme", &format!("/api/entries/{id}")).await, one["entries"][0]);
    }

    async fn a_wrong_parameter_is_named(db) {
        let log = db.open().await;
        record(&log, 2).await;
        let site = Site::new(&log).await;
        let too_long = "x".repeat(300);
        let foreign = site.json("acme", "/api/entries?limit=1").await["next"].as_str().unwrap().to_owned();
        let cases = [
            ("limit=0", "limit"), ("limit=201", "limit"), ("limit=-1", "limit"), ("limit=ten", "limit"), ("limit=99999999999", "limit"),
            ("limit=1&limit=2", "limit"), ("order=sideways", "order"), ("from=yesterday", "from"), ("to=2026-13-01", "to"),
            ("from=2026-01-02&to=2026-01-01", "to"), ("tz=Mars/Olympus", "tz"), ("tz=../../etc/passwd", "tz"), ("correlation=abc", "correlation"), ("outcome=maybe", "outcome"),
            ("entity_id=7", "entity_id"), ("action=", "action"), ("q=%20", "q"), ("action=%00", "action"), ("action=%ff", "action"),
            ("after=garbage", "after"), ("after=AQAB", "after"), ("colour=red", "colour"), ("%3Cscript%3E=1", "<script>"), ("since=1", "since"),
        ];
        for (query, parameter) in cases {
            let response = site.get("acme", &format!("/api/entries?{query}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
            assert!(problem["detail"].as_str().unwrap().len() < 400, "{problem}");
        }
        for name in ["q", "entity", "action", "actor", "organization", "event"] {
            let problem = site.json("acme", &format!("/api/entries?{name}={too_long}")).await;
            assert_eq!(problem["parameter"], name);
        }
        for query in [format!("after={foreign}&action=created"), format!("after={foreign}&order=oldest")] {
            let problem = site.json("acme", &format!("/api/entries?{query}")).await;
            assert_eq!(problem["parameter"], "after");
        }
        // Every endpoint names parameters that it does not take or cannot use.
        for path in ["/api/export.csv", "/api/export.jsonl", "/api/live", "/api/verify", "/api/entries/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f"] {
            for query in ["colour=red", "limit=5", "after=x"] {
                let response = site.get("acme", &format!("{path}?{query}")).await;
                assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}?{query}");
            }
        }
        for path in ["/api/export.csv", "/api/export.jsonl", "/api/live"] {
            assert_eq!(site.json("acme", &format!("{path}?from=x")).await["parameter"], "from");
        }
        for since in ["x", "%2B1", "1%20", "-1"] {
            assert_eq!(site.json("acme", &format!("/api/live?since={since}")).await["parameter"], "since", "{since}");
        }
        let huge = site.get("acme", &format!("/api/entries?q={}", "x".repeat(9_000))).await;
        assert_eq!(huge.status(), StatusCode::URI_TOO_LONG);
        for id in ["x", "+1", "-1", "1 2", "18446744073709551616"] {
            let resumed = site.request("acme", "/api/live").header("last-event-id", id).send().await.unwrap();
            assert_eq!(resumed.status(), StatusCode::BAD_REQUEST, "{id}");
        }
        assert_eq!(site.get("acme", "/api/entries/no-uuid").await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(site.get("acme", &format!("/api/entries/{}", Uuid::now_v7())).await.status(), StatusCode::NOT_FOUND);
        for method in [reqwest::Method::POST, reqwest::Method::DELETE, reqwest::Method::PUT] {
            let request = site.client().request(method, site.url("/api/entries")).header("x-tenant", "acme");
            assert_eq!(request.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
        }
        assert_eq!(db.number("SELECT count(*) FROM activity_entries").await, 2, "reading stores nothing");
    }

    async fn the_page_can_be_filtered_by_every_value_of_an_entry(db) {
        let log = db.open().await;
        // Some values are stored in another form; the filter finds that form.
        let nuls = "\0".repeat(85); // 255 bytes, once each is replaced
        for odd in ["\u{fffd}", "a\0b", "\u{fffd}%EF%BF%BD & +=\u{202e}", "%ff", &nuls] {
            let ctx = Context::for_tenant("acme").unwrap().with_actor(Actor::user(odd));
            let entry = log.record(&ctx, Activity::new("seen", odd).id(odd)).await.unwrap();
            let site = Site::new(&log).await;
            let page = site.text("acme", "").await;
            let links: BTreeSet<String> = page.split("href=\"./activity?").skip(1)
                .map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&")).collect();
            assert!(links.len() >= 3, "{links:?}");
            for link in links {
                let response = site.get("acme", &format!("?{link}")).await;
                assert_eq!(response.status(), StatusCode::OK, "{odd:?} {link}");
            }
            let id = url_encoded(entry.entity_id.as_deref().unwrap());
            let found = site.json("acme", &format!("/api/entries?entity={id}&entity_id={id}")).await;
            assert_eq!(found["entries"][0]["id"], entry.id.to_string(), "{odd:?}");
        }
        let site = Site::new(&log).await;
        for wrong in ["%ff", "%EF%BF%BD%ff", "%EF%BF", "%ed%a0%80"] {
            let response = site.get("acme", &format!("/api/entries?action={wrong}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{wrong}");
        }
    }

    async fn the_page_says_what_is_wrong_and_keeps_what_was_typed(db) {
        let log = db.open().await;
        record(&log, 1).await;
        let site = Site::new(&log).await;
        for (query, says) in [("limit=0", "from 1 to 200"), ("from=%3Cb%3Esoon", "is not a time"), ("after=x", "not a cursor"), ("colour=red", "colour")] {
            let response = site.get("acme", &format!("?q=ada%22&{query}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
            assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
            let page = response.text().await.unwrap();
            assert!(page.contains(says) && page.contains("role=\"alert\""), "{page}");
            assert!(query == "colour=red" || page.contains("ada&#34;"), "{page}");
            assert!(!page.contains("<b>soon") && !page.contains("class=\"entry"), "{page}");
        }
        // A form also sends empty fields.
        let response = site.get("acme", "?q=&entity=&from=&order=").await;
        assert_eq!(response.status(), StatusCode::OK);
        for path in ["/entries/x", "/entries/0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f"] {
            let response = site.get("acme", path).await;
            assert!(response.status().is_client_error());
            assert!(response.text().await.unwrap().contains("This cannot be shown"));
        }
    }

    async fn every_value_of_an_entry_is_shown_as_text(db) {
        const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}} '; DROP TABLE activity_entries; --";
        let log = db.open().await;
        let ctx = Context::for_tenant("acme").unwrap();
        let ctx = ctx.with_actor(Actor::user(EVIL).named(EVIL).on_behalf_of(Actor::user(EVIL).named(EVIL)));
        let ctx = ctx.with_organization(EVIL);
        let activity = Activity::new(EVIL, EVIL).id(EVIL).named(EVIL).describe(EVIL);
        let changes = Changes::between(&json!({EVIL: EVIL, "a": 1}), &json!({EVIL: "x", "b": EVIL})).unwrap();
        let activity = activity.changes(changes).data(json!({EVIL: [EVIL]})).outcome(Outcome::Failed);
        let entry = log.record(&ctx, activity).await.unwrap();
        log.record(&ctx, Activity::new("x", "X").data(json!({EVIL: EVIL}))).await.unwrap();
        let site = Site::new(&log).await;
        let query: String = url_encoded(EVIL);
        let paths = [
            String::new(),
            format!("/entries/{}", entry.id),
            format!("?q={query}"),
            format!("?action={query}&entity={query}&entity_id={query}&actor={query}&organization={query}"),
            format!("?from={query}"),
            format!("?correlation={}&order=oldest", entry.correlation_id),
            format!("?{query}={query}"),
        ];
        for path in paths {
            let page = site.text("acme", &path).await;
            assert!(page.contains("&#60;script") || page.contains("&lt;script"), "{path}");
            assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
            assert!(!page.contains("\"'>"), "{path}: an attribute was left");
        }
        let filtered = site.json("acme", &format!("/api/entries?action={query}")).await;
        assert_eq!(filtered["entries"][0]["description"], EVIL);
        assert_eq!(site.text("acme", "/api/export.jsonl").await.lines().count(), 2);
    }

    async fn exports_are_complete_and_contain_no_formulas(db) {
        let log = db.open().await;
        let formulas = ["=1+1", "+1", "-1", "@SUM(1)", "\u{ff1d}1", " =1", "\u{a0}=1", "\u{feff}=1"];
        let ctx = Context::for_tenant("acme").unwrap().with_actor(Actor::user("=cmd|' /C calc'!A0").named("-Ada"));
        for formula in formulas {
            let activity = Activity::new("ran", "Formula").id(formula).named(formula).describe(format!("{formula}, \"quoted\"\nand more"));
            log.record(&ctx, activity).await.unwrap();
        }
        let bulk = (0..1_500).map(|id| Activity::new("created", "Report").id(id));
        log.record_all(&ctx, bulk.collect()).await.unwrap();
        let site = Site::new(&log).await;

        let response = site.get("acme", "/api/export.csv?order=oldest").await;
        assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"activity.csv\"");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
        assert!(!response.headers().contains_key("content-length"), "streamed");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.starts_with(b"\xef\xbb\xbfid,"), "Excel recognises UTF-8");
        let text = String::from_utf8(bytes.into()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads = reader.headers().unwrap().clone();
        let column = |name: &str| heads.iter().position(|head| head == name).unwrap();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), formulas.len() + 1_500);
        for row in &rows {
            let runs = |field: &&str| field.trim_start_matches([' ', '\u{a0}', '\u{feff}']).starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}']);
            assert_eq!(row.iter().find(runs), None, "{row:?}");
        }
        for (row, formula) in rows.iter().zip(formulas) {
            assert_eq!(&row[column("entity_name")], format!("'{formula}"));
            assert_eq!(&row[column("description")], format!("'{formula}, \"quoted\"\nand more"));
        }
        assert_eq!(text.matches("\r\n").count(), rows.len() + 1);

        let response = site.get("acme", "/api/export.jsonl?entity=Report").await;
        assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"activity.jsonl\"");
        let lines = response.text().await.unwrap();
        let ids: BTreeSet<String> = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
        assert_eq!((lines.lines().count(), ids.len()), (1_500, 1_500));
    }

    async fn one_tenant_does_not_take_all_verifications(db) {
        let log = db.open().await;
        let bulk = (0..2_000).map(|id| Activity::new("created", "Report").id(id));
        log.record_all(&acme(), bulk.collect()).await.unwrap();
        let site = Site::new(&log).await;
        // Ten readers at once: each is either answered or refused with a time to try again.
        let verify = || async {
            let mut seen = Vec::new();
            for path in ["/api/verify", "/verify", "/api/verify", "/verify"] {
                let response = site.get("acme", path).await;
                let is_refused = response.status() == StatusCode::SERVICE_UNAVAILABLE;
                assert_eq!(response.headers().contains_key("retry-after"), is_refused, "{path}");
                seen.push(response.status());
            }
            seen
        };
        let other = async {
            let mut seen = Vec::new();
            for _ in 0..20 {
                seen.push(site.get("globex", "/api/verify").await.status());
            }
            seen
        };
        let (of_acme, of_globex) = tokio::join!(futures_util::future::join_all((0..10).map(|_| verify())), other);
        let of_acme = of_acme.concat();
        assert!(of_acme.contains(&StatusCode::OK) && of_acme.contains(&StatusCode::SERVICE_UNAVAILABLE), "{of_acme:?}");
        assert!(of_acme.iter().all(|status| [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(status)));
        assert_eq!(of_globex, [StatusCode::OK; 20], "no other tenant is kept out");
    }

    async fn a_verification_says_what_it_cannot_prove_and_checks_a_kept_head(db) {
        let log = db.open().await;
        record(&log, 2).await;
        let early = log.head(&acme()).await.unwrap();
        record(&log, 1).await;
        let site = Site::new(&log).await;
        let page = site.text("acme", "/verify").await;
        let head = log.head(&acme()).await.unwrap().to_string();
        assert!(page.contains(&head), "the head to keep: {page}");
        let kept = format!("/api/verify?head={head}");
        let verdict = site.json("acme", &kept).await;
        assert_eq!(verdict["is_sound"], true);
        assert!(verdict["message"].as_str().unwrap().contains("kept, of entry #3"), "{verdict}");

        // The end is cut off, and the head is moved back.
        db.drop_triggers().await;
        db.execute("DELETE FROM activity_entries WHERE sequence = 3").await;
        let hash = early.hash;
        let hash = if db.is_sqlite() { format!("x'{hash}'") } else { format!("'\\x{hash}'") };
        db.execute(&format!(
            "UPDATE activity_chains SET head_sequence = 2, head_hash = {hash}, head_recorded_at = \
             (SELECT recorded_at FROM activity_entries WHERE sequence = 2)"
        )).await;
        let verdict = site.json("acme", "/api/verify").await;
        assert_eq!(verdict["is_sound"], true);
        assert!(verdict["message"].as_str().unwrap().contains("cannot show whether later entries were cut off"), "{verdict}");
        let verdict = site.json("acme", &kept).await;
        assert_eq!(verdict["is_sound"], false);
        assert!(verdict["message"].as_str().unwrap().contains("entries 3 to 3 are missing"), "{verdict}");
        assert!(site.text("acme", &format!("/verify?head={head}")).await.contains("not proven"));
        for head in ["nonsense", &head.replace(":acme:", ":globex:")] {
            let response = site.get("acme", &format!("/api/verify?head={head}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{head}");
        }
    }

    async fn a_reader_can_have_the_chain_verified(db) {
        let log = db.open().await;
        record(&log, 3).await;
        let site = Site::new(&log).await;
        let verdict = site.json("acme", "/api/verify").await;
        assert_eq!(verdict["is_sound"], true);
        assert!(verdict["message"].as_str().unwrap().contains("through #3"), "{verdict}");
        assert_eq!(verdict["head"], log.head(&acme()).await.unwrap().to_string());
        db.drop_triggers().await;
        db.execute("UPDATE activity_entries SET description = 'nothing' WHERE sequence = 2").await;
        let verdict = site.json("acme", "/api/verify").await;
        assert_eq!(verdict["is_sound"], false);
        let page = site.text("acme", "/verify").await;
        assert!(page.contains("entry 2") && page.contains("altered"), "{page}");
    }
}

on_each_database! {
    slow;

    async fn a_page_shows_the_beginning_of_large_entries(db) {
        let log = db.open().await;
        let data: Value = (0..5_000).map(|key| (format!("key{key:04}"), json!(0))).collect();
        let texts = json!({"long": "y".repeat(30_000), "longer": "z".repeat(30_000)});
        let large = || Activity::new("imported", "Report").data(data.clone());
        let mut entries = log.record_all(&acme(), (0..20).map(|_| large()).collect()).await.unwrap();
        let other = Activity::new("imported", "Report").data(texts);
        entries.push(log.record(&acme(), other).await.unwrap());
        let site = Site::new(&log).await;

        let page = site.text("acme", "").await;
        assert!(page.len() < 21 * 16_000, "{} bytes", page.len());
        let first = entries[0].id;
        assert_eq!(page.matches("key0099<").count(), 20);
        assert!(!page.contains("key0100<"));
        assert!(page.contains(&format!("<a href=\"./activity/entries/{first}\">and 4900 more</a>")), "{page}");
        assert!(page.contains(&format!("{}…", "y".repeat(2_000))) && !page.contains(&"y".repeat(2_001)));

        // Its own page has more, and its JSON has all.
        let page = site.text("acme", &format!("/entries/{first}")).await;
        assert!(page.len() < 400_000 && page.contains("key1999<") && !page.contains("key2000<"));
        assert!(page.contains(&format!("<a href=\"../api/entries/{first}\">and 3000 more</a>")), "{page}");
        assert_eq!(site.json("acme", &format!("/api/entries/{first}")).await["data"], data);
    }
}

on_each_database! {
    async fn a_trail_is_indented_by_cause(db) {
        let log = db.open().await;
        let ctx = acme();
        let first = log.record(&ctx, Activity::new("created", "Report")).await.unwrap();
        let site = Site::new(&log).await;
        let page = site.text("acme", &format!("?correlation={}&order=oldest", first.correlation_id)).await;
        assert!(page.contains("Following one request") && page.contains("class=\"trail\""), "{page}");
        let page = site.text("acme", "").await;
        assert!(!page.contains("Following one request"));
        assert!(page.contains(&format!("?correlation={}&amp;order=oldest", first.correlation_id)) || page.contains(&format!("?correlation={}&#38;order=oldest", first.correlation_id)), "{page}");
    }
}

fn url_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
