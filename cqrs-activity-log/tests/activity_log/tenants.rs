//! Two tenants at every endpoint at once, with each other's ids and cursors: nothing crosses.

use cqrs_activity_log::{Activity, ActivityLog, Entry};
use cqrs_core::{Actor, Changes, Context};
use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::database::on_each_database;
use crate::site::{Site, events};

const TENANTS: [&str; 2] = ["acme", "globex"];
const ROUNDS: usize = 25;

/// A text in every column of a tenant's entries, and in none of the other tenant.
fn mark(tenant: &str) -> String {
    format!("secret-of-{tenant}")
}

async fn record(log: &ActivityLog, tenant: &str) -> Entry {
    let mark = mark(tenant);
    let ctx = Context::for_tenant(tenant).unwrap().with_organization(&mark);
    let ctx = ctx.with_actor(Actor::user(&mark).named(&mark));
    // The same type and action in both tenants, so that filters of one would find the other's.
    let activity = Activity::new("created", "Report").id(&mark).named(&mark).describe(&mark);
    let changes = Changes::between(&json!({"a": 1}), &json!({"a": mark})).unwrap();
    log.record(&ctx, activity.changes(changes).data(json!({"mark": mark}))).await.unwrap()
}

on_each_database! {
    slow;

    async fn nothing_of_one_tenant_ever_reaches_the_other(db) {
        let log = db.open().await;
        let mut entries = Vec::new();
        for tenant in TENANTS {
            for _ in 0..3 {
                entries.push((tenant, record(&log, tenant).await));
            }
        }
        let site = Site::new(&log).await;
        let of = |tenant: &str| entries.iter().find(|(of, _)| *of == tenant).map(|(_, entry)| entry.clone()).unwrap();
        let mut cursors = Vec::new();
        for tenant in TENANTS {
            let page = site.json(tenant, "/api/entries?limit=1").await;
            cursors.push(page["next"].as_str().unwrap().to_owned());
        }
        let hammer = |own: usize| {
            let (tenant, other) = (TENANTS[own], TENANTS[1 - own]);
            let (stranger, cursor) = (of(other), cursors[1 - own].clone());
            let (site, log) = (&site, &log);
            async move {
                let mut tail = events(site.get(tenant, "/api/live?since=0").await);
                for round in 0..ROUNDS {
                    record(log, tenant).await;
                    attack(site, tenant, other, &stranger, &cursor).await;
                    let sent = tail.next().await.unwrap();
                    assert!(sent.data.contains(&mark(tenant)) && !sent.data.contains(&mark(other)), "round {round}");
                }
            }
        };
        tokio::join!(hammer(0), hammer(1));
        for tenant in TENANTS {
            let verified = site.json(tenant, "/api/verify").await;
            assert_eq!(verified["is_sound"], true);
            let system = site.text("system", "/api/export.jsonl").await;
            assert_eq!(system, "", "the system scope has entries of its own alone");
        }
    }
}

async fn attack(site: &Site, tenant: &str, other: &str, stranger: &Entry, cursor: &str) {
    let (id, correlation) = (stranger.id, stranger.correlation_id);
    let secret = mark(other);
    let own = mark(tenant);
    // Requests that must find the tenant's own entries.
    let plain = [
        "",
        "?q=secret",
        "/api/entries",
        "/api/entries?entity=Report&action=created&q=secret",
        "/api/export.csv",
        "/api/export.jsonl",
    ];
    for path in plain {
        let text = site.text(tenant, path).await;
        assert!(text.contains(&own), "{tenant} {path}");
        assert!(!text.contains(&secret), "{tenant} sees {other} at {path}");
    }
    // Requests with the other tenant's identifiers, which must find nothing.
    let filters = [
        format!("correlation={correlation}"),
        format!("organization={secret}"),
        format!("actor={secret}"),
        format!("entity=Report&entity_id={secret}"),
        format!("q={secret}"),
        format!("entity=Report%27%20OR%20tenant=%27{other}"),
    ];
    for filter in filters {
        let page = site.json(tenant, &format!("/api/entries?{filter}")).await;
        assert_eq!(page["entries"], json!([]), "{filter}");
        assert_eq!(site.text(tenant, &format!("/api/export.jsonl?{filter}")).await, "");
        let csv = site.text(tenant, &format!("/api/export.csv?{filter}")).await;
        assert_eq!(csv.lines().count(), 1, "{filter}");
        let shown = site.text(tenant, &format!("?{filter}")).await;
        assert!(!shown.contains(&id.to_string()) && shown.contains("Nothing matches"), "{filter}");
    }
    for path in [format!("/entries/{id}"), format!("/api/entries/{id}")] {
        let response = site.get(tenant, &path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(!response.text().await.unwrap().contains(&secret));
    }
    for path in [format!("?after={cursor}"), format!("/api/entries?after={cursor}")] {
        let response = site.get(tenant, &path).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.text().await.unwrap().contains(&secret));
    }
    // A header that claims another tenant beside the one that counts, and a tenant as a parameter.
    for name in ["tenant", "tenant_id", "x-tenant"] {
        let response = site.get(tenant, &format!("/api/entries?{name}={other}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    let verified: Value = site.json(tenant, "/api/verify").await;
    assert!(verified["head"].as_str().unwrap().contains(tenant), "{verified}");
}
