//! Noticing the commits of other processes.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

/// How often the version is asked for. It is a number in shared memory: no page is read.
const INTERVAL: Duration = Duration::from_millis(10);

/// A connection that learns of commits of other connections, by SQLite's `data_version`.
pub(super) struct Watch {
    options: SqliteConnectOptions,
    /// One caller asks at a time.
    watching: Mutex<Watching>,
}

#[derive(Default)]
struct Watching {
    /// Made when the first caller waits.
    connection: Option<SqliteConnection>,
    version: Option<i64>,
    is_closed: bool,
}

impl Watch {
    pub(super) fn new(pool: &SqlitePool) -> Self {
        Self { options: (*pool.connect_options()).clone(), watching: Mutex::default() }
    }

    /// Returns after a commit of another connection, also of this process. Cancel safe: a change that was not
    /// reported is found by the next call.
    pub(super) async fn changed(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut watching = self.watching.lock().await;
            if watching.is_closed {
                drop(watching);
                return std::future::pending().await;
            }
            match watching.ask(&self.options).await {
                Ok(version) => {
                    if watching.version.replace(version) != Some(version) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the database cannot be watched; the readers poll");
                    watching.connection = None;
                }
            }
        }
    }

    pub(super) async fn close(&self) {
        let mut watching = self.watching.lock().await;
        watching.is_closed = true;
        if let Some(connection) = watching.connection.take() {
            connection.close().await.unwrap_or_default();
        }
    }
}

impl Watching {
    async fn ask(&mut self, options: &SqliteConnectOptions) -> sqlx::Result<i64> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(options.connect().await?),
        };
        sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
    }
}
