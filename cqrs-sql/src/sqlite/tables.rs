//! What is written in any transaction: events and done rows.

use std::collections::HashSet;

use cqrs_core::log::{DoneRow, LogEvent, StoreError};
use sqlx::SqliteConnection;

use super::rows::{check_shards, insert, json};
use crate::codes::store_error;
use crate::convert::position;
use crate::names::Names;

/// The tables of one application.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) names: Names,
    pub(super) application: String,
}

impl Tables {
    /// Adds `events` to the log.
    pub(super) async fn publish(
        &self,
        connection: &mut SqliteConnection,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        let events: Vec<_> = events.iter().collect();
        check_shards(&events)?;
        insert(&self.names, connection, &events).await.map_err(store_error)?;
        Ok(())
    }

    /// Writes all of `rows`, or nothing. The connection is in a transaction that excludes other writers.
    pub(super) async fn write_done(
        &self,
        connection: &mut SqliteConnection,
        rows: &[DoneRow],
    ) -> sqlx::Result<bool> {
        let rows: HashSet<_> = rows
            .iter()
            .map(|row| {
                let (shard, token) = (i64::from(row.lease.shard), row.lease.token.cast_signed());
                let event = format!("{:X}", row.event.simple());
                (row.subscription.0, shard, token, position(row.position), event)
            })
            .collect();
        if rows.is_empty() {
            return Ok(true);
        }
        let wanted = rows.len();
        // `CROSS JOIN` makes SQLite look up the leases of the rows. Otherwise it may parse the rows for each lease.
        let sql = "INSERT INTO {done} (subscription, shard, position) \
                   WITH wanted AS MATERIALIZED (SELECT value ->> 0 AS subscription, value ->> 1 AS shard, \
                       value ->> 2 AS token, value ->> 3 AS position, value ->> 4 AS event FROM json_each(?1)) \
                   SELECT subscription, shard, position FROM wanted WHERE ?2 = \
                       (SELECT count(*) FROM wanted CROSS JOIN {lease} AS lease CROSS JOIN {event} AS event \
                        WHERE lease.application = ?3 AND lease.shard = wanted.shard AND lease.token = wanted.token \
                        AND event.position = wanted.position AND hex(event.id) = wanted.event \
                        AND NOT EXISTS (SELECT 1 FROM {done} AS done \
                            WHERE done.subscription = wanted.subscription \
                            AND done.shard = wanted.shard AND done.position = wanted.position))";
        let written = sqlx::query(self.names.sql(sql))
            .bind(json(rows))
            .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
            .bind(&self.application)
            .execute(connection)
            .await?;
        Ok(written.rows_affected() > 0)
    }
}
