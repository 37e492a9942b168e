//! Scheduled events in Postgres.

use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{DueEvents, LoggedEvent, ScheduledEvent, Scheduling, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PostgresStore;
use super::rows::{Columns, EVENT, LOGGED, decode, due};
use super::tables::Tables;
use crate::codes::store_error;
use crate::convert::{from_now, limit as rows_of, position};

impl Scheduling for PostgresStore {
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let sql = self.tables.names.sql("DELETE FROM {scheduled} WHERE id = $1");
            let removed = sqlx::query(sql).bind(id).execute(&self.pool).await;
            Ok(removed.map_err(store_error)?.rows_affected() > 0)
        })
    }

    fn move_due(&self, limit: usize) -> BoxFuture<'_, Result<DueEvents, StoreError>> {
        Box::pin(async move { self.move_if_due(limit).await.map_err(store_error) })
    }
}

impl PostgresStore {
    async fn move_if_due(&self, limit: usize) -> sqlx::Result<DueEvents> {
        // Most calls only read, and take no lock.
        let mut due = DueEvents { moved: Vec::new(), next: self.next_due().await? };
        if due.next.is_some_and(|next| next.is_zero()) {
            due.moved = self.move_now(limit).await?;
            due.next = self.next_due().await?;
        }
        Ok(due)
    }

    async fn next_due(&self) -> sqlx::Result<Option<Duration>> {
        let sql = "SELECT (extract(epoch FROM min(due) - clock_timestamp()) * 1000000)::bigint FROM {scheduled}";
        let query = sqlx::query_scalar(self.tables.names.sql(sql));
        let next: Option<i64> = query.fetch_one(&self.pool).await?;
        Ok(next.map(from_now))
    }

    async fn move_now(&self, limit: usize) -> sqlx::Result<Vec<LoggedEvent>> {
        let sql = format!("SELECT {LOGGED} FROM {{move_due}}($1) ORDER BY position");
        let query = sqlx::query(self.tables.names.sql(&sql)).bind(rows_of(limit));
        let rows = query.fetch_all(&self.pool).await?;
        let moved = rows.iter().map(|row| decode(row, 0)).collect::<sqlx::Result<Vec<_>>>()?;
        if let Some(last) = moved.last() {
            self.saw(position(last.position));
        }
        // Also if another node was faster: the outbox may have been moved.
        self.tell();
        Ok(moved)
    }
}

impl Tables {
    /// Keeps events until they are due.
    pub(super) async fn schedule(
        &self,
        connection: &mut PgConnection,
        events: &[ScheduledEvent],
    ) -> Result<(), StoreError> {
        let columns = Columns::of(events.iter().map(|scheduled| &scheduled.event))?;
        let dues: Vec<_> = events.iter().map(|scheduled| due(scheduled)).collect();
        let sql = format!(
            "INSERT INTO {{scheduled}} (due, {EVENT}) \
             SELECT timestamptz 'epoch' + due * interval '1 microsecond', \
             id, key, version, shard, name, tenant, entity, entity_id, context::json, payload::json \
             FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int2[], $5::text[], $6::text[], $7::text[], \
             $8::text[], $9::text[], $10::text[], $11::int8[]) WITH ORDINALITY \
             AS given ({EVENT}, due, number) ORDER BY number"
        );
        let query = columns.bind(sqlx::query(self.names.sql(&sql))).bind(dues);
        query.execute(connection).await.map_err(store_error)?;
        Ok(())
    }
}
