//! The commands that were executed with an idempotency key, in Postgres.

use std::time::Duration;

use cqrs_core::TenantId;
use cqrs_core::log::{Executed, ExecutionKey};
use sqlx::{PgConnection, Row as _};

use super::tables::Tables;
use crate::convert::{KEYS_AT_ONCE, microseconds};

impl Tables {
    /// Writes `key`, or returns what is there. The insert waits for another transaction that has written the same key,
    /// because of the primary key; the second statement sees what that one has committed.
    pub(super) async fn claim_key(
        &self,
        connection: &mut PgConnection,
        key: &ExecutionKey,
    ) -> sqlx::Result<Option<Executed>> {
        let sql = "INSERT INTO {idempotency_key} (application, id, fingerprint, tenant) VALUES ($1, $2, $3, $4) \
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
        let sql = "SELECT fingerprint, output::text FROM {idempotency_key} WHERE application = $1 AND id = $2";
        let row = sqlx::query(self.names.sql(sql))
            .bind(&self.application)
            .bind(&key.id[..])
            .fetch_one(connection)
            .await?;
        Ok(Some(Executed { fingerprint: row.try_get(0)?, output: row.try_get(1)? }))
    }

    pub(super) async fn store_output(
        &self,
        connection: &mut PgConnection,
        key: &ExecutionKey,
        output: &str,
    ) -> sqlx::Result<()> {
        let sql =
            "UPDATE {idempotency_key} SET output = $1::json WHERE application = $2 AND id = $3";
        let query = sqlx::query(self.names.sql(sql));
        query.bind(output).bind(&self.application).bind(&key.id[..]).execute(connection).await?;
        Ok(())
    }

    /// Removes some of the keys that are older than `keep`. Nodes that do so at the same time do not wait for each other.
    /// `now()`, because an index is not searched for a function whose value changes.
    pub(super) async fn prune_keys(
        &self,
        connection: &mut PgConnection,
        keep: Duration,
    ) -> sqlx::Result<()> {
        let sql = "DELETE FROM {idempotency_key} WHERE (application, id) IN \
                   (SELECT application, id FROM {idempotency_key} \
                    WHERE at < now() - $1 * interval '1 microsecond' ORDER BY at LIMIT $2 \
                    FOR UPDATE SKIP LOCKED)";
        let query = sqlx::query(self.names.sql(sql));
        query.bind(microseconds(keep)).bind(KEYS_AT_ONCE).execute(connection).await?;
        Ok(())
    }
}
