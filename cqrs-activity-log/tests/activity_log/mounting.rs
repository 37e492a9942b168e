//! The router under every kind of path: all that the page links to is there.

use std::collections::BTreeSet;

use axum::Router;
use cqrs_activity_log::Activity;
use cqrs_activity_log::web::Pages;
use cqrs_core::{Actor, Context};
use reqwest::{StatusCode, Url};

use crate::database::on_each_database;
use crate::site::Site;

/// How a router is mounted, and where the page is then found.
type Mount = (fn(Router) -> Router, &'static [&'static str]);

const MOUNTS: [Mount; 9] = [
    (|pages| pages, &["/"]),
    (|pages| Router::new().merge(pages), &["/"]),
    (|pages| Router::new().nest("/activity", pages), &["/activity"]),
    (|pages| Router::new().nest("/activity/", pages), &["/activity/"]),
    (|pages| Router::new().nest_service("/activity", pages), &["/activity", "/activity/"]),
    (
        |pages| Router::new().nest("/{tenant}/activity", pages),
        &["/acme/activity", "/a%2Fb:c/activity"],
    ),
    (|pages| Router::new().nest("/{id}", pages), &["/acme", "/:", "/%3F"]),
    (|pages| Router::new().nest_service("/t/{name}/a", pages), &["/t/acme/a", "/t/acme/a/"]),
    (|pages| Router::new().nest("/{a}", Router::new().nest("/{b}/", pages)), &["/one/two/"]),
];

on_each_database! {
    async fn the_router_works_under_any_path(db) {
        let log = db.open().await;
        let ctx = Context::for_tenant("acme").unwrap().with_actor(Actor::user("ada"));
        let entry = log.record(&ctx, Activity::new("created", "Report").id(1)).await.unwrap();
        for (mount, homes) in MOUNTS {
            let site = Site::mounted(Pages::new(log.clone()), mount).await;
            for home in homes {
                let home: Url = site.root(home).parse().unwrap();
                let seen = follow_all(&site, &home).await;
                let has = |end: &str| seen.iter().any(|path| path.ends_with(end));
                let one = format!("/entries/{}", entry.id);
                for end in [&*one, &format!("/api{one}"), "/verify", ".css", ".js", "export.csv"] {
                    assert!(has(end), "{home} does not lead to {end}: {seen:?}");
                }
                assert!(has(home.path()), "{home} leads to itself");
            }
            let base = homes[0].trim_end_matches('/');
            let missing = get(&site, &site.root(&format!("{base}/no/where"))).await;
            assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{base}");
            assert!(missing.headers().contains_key("content-security-policy"), "{base}");
        }
    }
}

/// The paths of all that the page leads to, each of which answers.
async fn follow_all(site: &Site, home: &Url) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut left = vec![home.clone()];
    while let Some(url) = left.pop() {
        if url.path().ends_with("live") || !seen.insert(url.to_string()) {
            continue;
        }
        let response = get(site, url.as_str()).await;
        assert_eq!(response.status(), StatusCode::OK, "{home} leads to {url}");
        if response.headers()["content-type"].to_str().unwrap().starts_with("text/html") {
            let page = response.text().await.unwrap();
            left.extend(links(&page).iter().map(|link| url.join(link).unwrap()));
        }
    }
    seen.iter().map(|url| url.parse::<Url>().unwrap().path().to_owned()).collect()
}

fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for attribute in [" href=\"", " src=\"", " action=\""] {
        for rest in page.split(attribute).skip(1) {
            let link = rest.split('"').next().unwrap().replace("&#38;", "&");
            if !link.starts_with("data:") && !link.starts_with('#') {
                links.push(link);
            }
        }
    }
    links
}

async fn get(site: &Site, url: &str) -> reqwest::Response {
    site.client().get(url).header("x-tenant", "acme").send().await.unwrap()
}
