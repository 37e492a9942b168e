//! The activity page with a few entries: `cargo run -p cqrs-activity-log --example page --features web`.

mod demo;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use cqrs_activity_log::{ActivityLog, web::Pages};
use cqrs_core::Context;
use cqrs_http::ContextLayer;
use jiff::Timestamp;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let directory = tempfile::tempdir()?;
    let log = ActivityLog::sqlite(directory.path().join("activity.db")).await?;
    demo::record(&log, "acme", Timestamp::now()).await?;
    demo::hire(&log, "acme").await?;

    let interrupted = || async { drop(tokio::signal::ctrl_c().await) };
    let pages = Pages::new(log.clone()).until(interrupted()).into_router();
    // Everyone is the same user here. A product uses a session.
    let contexts = ContextLayer::new(|_| Ok(Context::for_tenant("acme")?));
    let router = Router::new()
        .route("/", get(|| async { Redirect::temporary("/activity") }))
        .nest("/activity", pages.layer(contexts));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3001".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/activity", listener.local_addr()?);
    axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
    log.close().await;
    Ok(())
}
