//! The commands that were executed with an idempotency key, in SQLite.

use std::time::Duration;

use cqrs_core::TenantId;
use cqrs_core::log::{Executed, ExecutionKey};
use sqlx::{Row as _, SqliteConnection};

use super::progress::NOW;
use super::tables::Tables;
use crate::convert::{KEYS_AT_ONCE, microseconds};

impl Tables {
    /// Writes `key`, or returns what is there. The connection is in a transaction that excludes other writers.
    pub(super) async fn claim_key(
        &self,
        connection: &mut SqliteConnection,
        key: &ExecutionKey,
    ) -> sqlx::Result<Option<Executed>> {
        let sql = "INSERT INTO {idempotency_key} (application, id, fingerprint, tenant) VALUES (?, ?, ?, ?) \
                   ON CONFLICT DO NOTHING";
        let written = sqlx::query(self.names.sql(sql))
            .bind(&self.application)
            .bind(&key.id[..])
            .bind(&key.fingerprint[..])
            .bind(key.tenant.as_ref().map(TenantId::as_str))
            .execute(&mut *connection)
            .await?;
        if written.rows_affected() > 0 {
            return Ok(None);
        }
        let sql =
            "SELECT fingerprint, output FROM {idempotency_key} WHERE application = ? AND id = ?";
        let row = sqlx::query(self.names.sql(sql))
            .bind(&self.application)
            .bind(&key.id[..])
            .fetch_one(connection)
            .await?;
        Ok(Some(Executed { fingerprint: row.try_get(0)?, output: row.try_get(1)? }))
    }

    pub(super) async fn store_output(
        &self,
        connection: &mut SqliteConnection,
        key: &ExecutionKey,
        output: &str,
    ) -> sqlx::Result<()> {
        let sql = "UPDATE {idempotency_key} SET output = ? WHERE application = ? AND id = ?";
        let query = sqlx::query(self.names.sql(sql));
        query.bind(output).bind(&self.application).bind(&key.id[..]).execute(connection).await?;
        Ok(())
    }

    /// Removes some of the keys that are older than `keep`.
    pub(super) async fn prune_keys(
        &self,
        connection: &mut SqliteConnection,
        keep: Duration,
    ) -> sqlx::Result<()> {
        let sql = format!(
            "DELETE FROM {{idempotency_key}} WHERE (application, id) IN \
             (SELECT application, id FROM {{idempotency_key}} WHERE at < {NOW} - ? ORDER BY at LIMIT ?)"
        );
        let query = sqlx::query(self.names.sql(&sql));
        query.bind(microseconds(keep)).bind(KEYS_AT_ONCE).execute(connection).await?;
        Ok(())
    }
}
