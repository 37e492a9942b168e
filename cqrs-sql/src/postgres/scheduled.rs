//! Scheduled events in Postgres.

use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    DueEvents, EventLog as _, LoggedEvent, ScheduledEvent, Scheduling, StoreError,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PostgresStore;
use super::rows::{Columns, EVENT, due};
use super::tables::Tables;
use crate::codes::store_error;
use crate::convert::{from_now, limit as rows_of, microseconds, to_position};

impl Scheduling for PostgresStore {
    fn cancel(&self, id: Uuid) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let sql = self.tables.names.sql("DELETE FROM {scheduled} WHERE id = $1");
            let removed = sqlx::query(sql).bind(id).execute(&self.pool).await;
            Ok(removed.map_err(store_error)?.rows_affected() > 0)
        })
    }

    fn move_due(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> BoxFuture<'_, Result<DueEvents, StoreError>> {
        Box::pin(self.move_if_due(limit, ahead))
    }
}

impl PostgresStore {
    async fn move_if_due(&self, limit: usize, ahead: Duration) -> Result<DueEvents, StoreError> {
        // Most calls only read, and take no lock.
        let mut due = DueEvents { moved: Vec::new(), next: self.next_due(ahead).await? };
        if due.next.is_some_and(|next| next.is_zero()) {
            due.moved = self.move_now(limit, ahead).await?;
            // What was moved is told in any case. After an error, the next call says it.
            due.next = self.next_due(ahead).await.unwrap_or(Some(Duration::ZERO));
        }
        Ok(due)
    }

    async fn next_due(&self, ahead: Duration) -> Result<Option<Duration>, StoreError> {
        let sql = "SELECT (extract(epoch FROM min(due) - clock_timestamp()) * 1000000)::bigint - $1 FROM {scheduled}";
        let query = sqlx::query_scalar(self.tables.names.sql(sql)).bind(microseconds(ahead));
        let next: Option<i64> = query.fetch_one(&self.pool).await.map_err(store_error)?;
        Ok(next.map(from_now))
    }

    async fn move_now(
        &self,
        limit: usize,
        ahead: Duration,
    ) -> Result<Vec<LoggedEvent>, StoreError> {
        let sql = self.tables.names.sql("SELECT {move_due}($1, $2)");
        let query = sqlx::query_scalar(sql).bind(rows_of(limit)).bind(microseconds(ahead));
        let mut positions: Vec<i64> = query.fetch_all(&self.pool).await.map_err(store_error)?;
        // Also if another node was faster: the outbox may have been moved.
        self.tell();
        positions.sort_unstable();
        if let Some(last) = positions.last() {
            self.saw(*last);
        }
        let positions: Vec<_> = positions.into_iter().map(to_position).collect();
        self.read_at(&positions).await
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
        let dues: Vec<_> = events.iter().map(due).collect();
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
