//! Where the activity log is plugged in: it records what the modules publish, and is shown at `/activity`.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::RawQuery;
use axum::response::Redirect;
use axum::routing::get;
use cqrs_activity_log::web::Pages;
use cqrs_activity_log::{ActivityLog, OpenError};
use sqlx::sqlite::SqlitePoolOptions;

use crate::db::sqlite_file;
use crate::http::Buses;

/// Opens the log beside the product's database: in the same Postgres database, or in a file of its own
/// next to the one of `SQLite`, so that neither waits for the other's transactions.
pub(crate) async fn open(database: &str) -> Result<ActivityLog, OpenError> {
    match sqlite_file(database) {
        Some(file) => ActivityLog::sqlite(self::file(&file)).await,
        None => ActivityLog::postgres(database).await,
    }
}

/// The log's file beside the product's.
pub(crate) fn file(database: &Path) -> PathBuf {
    database.with_extension("activity.db")
}

/// A log that is forgotten, for an application that is only described, or for a test.
///
/// # Errors
///
/// [`OpenError`] when there is no memory for it.
pub async fn in_memory() -> Result<ActivityLog, OpenError> {
    // With one connection, for each has a memory of its own.
    let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = pool.connect_lazy_with(sqlx::sqlite::SqliteConnectOptions::new());
    ActivityLog::options().sqlite_pool(pool).await
}

/// The log's page and API; live tails end when `stopped` does.
pub(crate) fn routes(
    log: ActivityLog,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Router<Buses> {
    let pages = Pages::new(log).home("/", "Workforce").until(stopped).into_router();
    Router::new().nest("/activity", pages.with_state(())).route("/activity/", get(without_slash))
}

/// With whatever is asked for there.
async fn without_slash(RawQuery(query): RawQuery) -> Redirect {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("/activity{query}"))
}
