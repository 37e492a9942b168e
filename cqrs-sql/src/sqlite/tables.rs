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
        let rows = json(rows);
        let sql = "SELECT count(*) FROM json_each(?) row JOIN {lease} lease ON lease.application = ? \
                   AND lease.shard = row.value ->> 1 AND lease.token = row.value ->> 2 \
                   JOIN {event} event ON event.position = row.value ->> 3 AND hex(event.id) = row.value ->> 4 \
                   WHERE NOT EXISTS (SELECT 1 FROM {done} done WHERE done.subscription = row.value ->> 0 \
                   AND done.shard = row.value ->> 1 AND done.position = row.value ->> 3)";
        let new: i64 = sqlx::query_scalar(self.names.sql(sql))
            .bind(&rows)
            .bind(&self.application)
            .fetch_one(&mut *connection)
            .await?;
        if usize::try_from(new) != Ok(wanted) {
            return Ok(false);
        }
        let sql = "INSERT INTO {done} (subscription, shard, position) \
                   SELECT value ->> 0, value ->> 1, value ->> 3 FROM json_each(?)";
        sqlx::query(self.names.sql(sql)).bind(&rows).execute(connection).await?;
        Ok(true)
    }
}
