//! The page for the browser.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use cqrs_activity_log::{Activity, ActivityLog, web};
use cqrs_core::prelude::*;
use cqrs_http::ContextLayer;
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use super::demo;

/// The page of a log with a few days in it, served for everyone as one tenant.
pub(crate) struct Site {
    pub(crate) log: ActivityLog,
    pub(crate) url: String,
    /// The same page, with connections that end soon, and are refused when `is_refused` says so.
    pub(crate) brief_url: String,
    pub(crate) is_refused: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    pub(crate) correlation: Uuid,
    _directory: TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = ActivityLog::sqlite(directory.path().join("activity.db")).await.unwrap();
        demo::record(&log, "acme", Timestamp::now()).await.unwrap();
        let correlation = demo::hire(&log, "acme").await.unwrap();
        let contexts = ContextLayer::new(|_| Ok(Self::ctx()));
        let (is_refused, refused) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let brief = web::Pages::new(log.clone()).live_for(Duration::from_millis(500)).authorize({
            let (is_refused, refused) = (is_refused.clone(), Arc::<AtomicUsize>::clone(&refused));
            move |_| {
                let is_refused = is_refused.load(Ordering::Relaxed);
                refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
                !is_refused
            }
        });
        let router = Router::new()
            .nest("/activity", web::router(log.clone()))
            .nest("/brief", brief.into_router())
            .layer(contexts);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [url, brief_url] = ["activity", "brief"].map(|path| format!("http://{address}/{path}"));
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { log, url, brief_url, is_refused, refused, correlation, _directory: directory }
    }

    /// Waits until a request was refused.
    pub(crate) async fn until_refused(&self) {
        while self.refused.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    pub(crate) fn ctx() -> Context {
        Context::for_tenant("acme").unwrap().with_actor(Actor::user("u-42").named("Ada Lovelace"))
    }

    pub(crate) async fn pay(&self, whom: &str) {
        let activity =
            Activity::new("created", "Payslip").named(whom).describe(format!("paid {whom}"));
        let activity =
            activity.data(json!({"amount": 100, "currency": "GBP", "lines": [1, 2.5, null]}));
        self.log.record(&Self::ctx(), activity).await.unwrap();
    }
}
