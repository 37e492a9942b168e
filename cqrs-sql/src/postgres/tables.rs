//! What is written in any transaction: events and done rows.

use std::collections::HashSet;

use cqrs_core::log::{DoneRow, LogEvent, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::{Columns, EVENT};
use crate::codes::store_error;
use crate::convert::{position, shard};
use crate::names::Names;

/// The tables of one application.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) names: Names,
    pub(super) application: String,
}

/// Done rows as one array for each column.
#[derive(Default)]
pub(super) struct DoneColumns {
    pub(super) subscriptions: Vec<i32>,
    pub(super) shards: Vec<i16>,
    pub(super) tokens: Vec<i64>,
    pub(super) positions: Vec<i64>,
    pub(super) events: Vec<Uuid>,
}

impl DoneColumns {
    fn of(rows: &HashSet<&DoneRow>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        rows.iter().try_for_each(|row| columns.push(row))?;
        Ok(columns)
    }

    pub(super) fn push(&mut self, row: &DoneRow) -> Result<(), StoreError> {
        self.subscriptions.push(row.subscription.0.cast_signed());
        self.shards.push(shard(row.lease.shard)?);
        self.tokens.push(row.lease.token.cast_signed());
        self.positions.push(position(row.position));
        self.events.push(row.event);
        Ok(())
    }
}

impl Tables {
    /// Writes `events` into the outbox.
    pub(super) async fn publish(
        &self,
        connection: &mut PgConnection,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        let columns = Columns::of(events)?;
        let sql = format!(
            "INSERT INTO {{outbox}} ({EVENT}) \
             SELECT id, key, version, shard, name, tenant, entity, entity_id, context::json, payload::json \
             FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int2[], $5::text[], $6::text[], $7::text[], \
             $8::text[], $9::text[], $10::text[]) WITH ORDINALITY AS given ({EVENT}, number) ORDER BY number"
        );
        let query = columns.bind(sqlx::query(self.names.sql(&sql)));
        query.execute(connection).await.map_err(store_error)?;
        Ok(())
    }

    /// Writes `rows`. Returns `false` if one of them is there already, if its lease is another node's now, or if the log
    /// does not have its event.
    ///
    /// The lock of the lease keeps other nodes from claiming the shard until the transaction ends. A process that
    /// stops in the middle of it must not keep the shard, so the server ends a transaction that is idle for long.
    pub(super) async fn write_done(
        &self,
        connection: &mut PgConnection,
        rows: &[DoneRow],
    ) -> Result<bool, StoreError> {
        if rows.is_empty() {
            return Ok(true);
        }
        let columns = DoneColumns::of(&rows.iter().collect::<HashSet<_>>())?;
        let sql = "WITH held AS (\
                       SELECT wanted.subscription, wanted.shard, wanted.position \
                       FROM unnest($2::int4[], $3::int2[], $4::int8[], $5::int8[], $6::uuid[]) \
                           AS wanted (subscription, shard, token, position, event) \
                       JOIN {lease} AS lease ON lease.application = $1 \
                           AND lease.shard = wanted.shard AND lease.token = wanted.token \
                       JOIN {event} AS event ON event.position = wanted.position AND event.id = wanted.event \
                       FOR SHARE OF lease), \
                   written AS (\
                       INSERT INTO {done} (subscription, shard, position) \
                       SELECT subscription, shard, position FROM held ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING RETURNING 1) \
                   SELECT count(*), set_config('idle_in_transaction_session_timeout', '30s', true) FROM written";
        let (written, _): (i64, String) = sqlx::query_as(self.names.sql(sql))
            .bind(&self.application)
            .bind(&columns.subscriptions)
            .bind(&columns.shards)
            .bind(&columns.tokens)
            .bind(&columns.positions)
            .bind(&columns.events)
            .fetch_one(connection)
            .await
            .map_err(store_error)?;
        Ok(usize::try_from(written) == Ok(columns.positions.len()))
    }
}
