//! Scheduled events in SQLite.

use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{DueEvents, LoggedEvent, ScheduledEvent, Scheduling, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::SqliteStore;
use super::progress::NOW;
use super::rows::{EVENT, LOGGED, bind, check_shards, decode};
use super::tables::Tables;
use crate::codes::store_error;
use crate::convert::{from_now, limit as rows_of, microseconds, position};

impl Scheduling for SqliteStore {
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { self.remove_scheduled(id).await.map_err(store_error) })
    }

    fn move_due(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> BoxFuture<'_, Result<DueEvents, StoreError>> {
        Box::pin(async move { self.move_if_due(limit, ahead).await.map_err(store_error) })
    }
}

impl SqliteStore {
    async fn remove_scheduled(&self, id: Uuid) -> sqlx::Result<bool> {
        let mut tx = self.write().await?;
        let sql = self.tables.names.sql("DELETE FROM {scheduled} WHERE id = ?");
        let removed = sqlx::query(sql).bind(id).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        Ok(removed > 0)
    }

    async fn move_if_due(&self, limit: usize, ahead: Duration) -> sqlx::Result<DueEvents> {
        // Most calls only read.
        let mut due = DueEvents { moved: Vec::new(), next: self.next_due(ahead).await? };
        if due.next.is_some_and(|next| next.is_zero()) {
            due.moved = self.move_now(limit, ahead).await?;
            // What was moved is told in any case. After an error, the next call says it.
            due.next = self.next_due(ahead).await.unwrap_or(Some(Duration::ZERO));
        }
        Ok(due)
    }

    async fn next_due(&self, ahead: Duration) -> sqlx::Result<Option<Duration>> {
        let sql = format!("SELECT min(due) - {NOW} - ? FROM {{scheduled}}");
        let query = sqlx::query_scalar(self.tables.names.sql(&sql)).bind(microseconds(ahead));
        let next: Option<i64> = query.fetch_one(&self.readers).await?;
        Ok(next.map(from_now))
    }

    async fn move_now(&self, limit: usize, ahead: Duration) -> sqlx::Result<Vec<LoggedEvent>> {
        let mut tx = self.write().await?;
        let now = sqlx::query_scalar(self.tables.names.sql(&format!("SELECT {NOW} + ?")));
        let now = now.bind(microseconds(ahead));
        let now: i64 = now.fetch_one(&mut *tx).await?;
        let insert = format!(
            "INSERT INTO {{event}} ({EVENT}) SELECT {EVENT} FROM {{scheduled}} \
             WHERE due <= ? ORDER BY due, seq LIMIT ? RETURNING {LOGGED}"
        );
        let query = sqlx::query(self.tables.names.sql(&insert)).bind(now).bind(rows_of(limit));
        let rows = query.fetch_all(&mut *tx).await?;
        let delete = "DELETE FROM {scheduled} WHERE seq IN (SELECT seq FROM {scheduled} \
                      WHERE due <= ? ORDER BY due, seq LIMIT ?)";
        let query = sqlx::query(self.tables.names.sql(delete)).bind(now).bind(rows_of(limit));
        query.execute(&mut *tx).await?;
        tx.commit().await?;
        let mut moved = rows.iter().map(decode).collect::<sqlx::Result<Vec<_>>>()?;
        moved.sort_by_key(|logged| logged.position);
        if let Some(last) = moved.last() {
            self.saw(position(last.position));
            self.news.notify_waiters();
        }
        Ok(moved)
    }
}

impl Tables {
    /// Keeps events until they are due.
    pub(super) async fn schedule(
        &self,
        connection: &mut SqliteConnection,
        events: &[&ScheduledEvent],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO {{scheduled}} ({EVENT}, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        for ScheduledEvent { due, event } in events {
            check_shards(&[event])?;
            let query = bind(sqlx::query(self.names.sql(&sql)), event).bind(due.as_microsecond());
            query.execute(&mut *connection).await.map_err(store_error)?;
        }
        Ok(())
    }
}
