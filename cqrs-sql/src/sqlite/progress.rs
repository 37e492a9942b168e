//! Subscriptions, leases and checkpoints in SQLite.

use std::collections::HashSet;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, Lease, NewSubscription, Node, Parked, Progress, SeenEvent, Start,
    StoreError, Subscription, SubscriptionId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{EVENT, bind, json};
use crate::codes::store_error;
use crate::convert::{longest_life, longest_ttl, position, to_position, to_shard, to_timestamp};
use crate::transaction::WriteTransaction;

/// Microseconds since 1970.
pub(super) const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

impl Progress for SqliteStore {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        Box::pin(async move { self.register_all(wanted).await.map_err(store_error) })
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        Box::pin(async move { self.beat_once(node).await.map_err(store_error) })
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        Box::pin(
            async move { self.claim_free(node, at_most, subscriptions).await.map_err(store_error) },
        )
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.release_all(node, leases).await.map_err(store_error) })
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.remove(node).await.map_err(store_error) })
    }

    fn save<'a>(
        &'a self,
        changes: &'a [Change],
        seen: &'a [SeenEvent],
    ) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        Box::pin(async move {
            if changes.is_empty() {
                return Ok(Vec::new());
            }
            let mut tx = self.write().await.map_err(store_error)?;
            self.check(&mut tx, seen).await?;
            self.save_all(tx, changes).await.map_err(store_error)
        })
    }
}

impl SqliteStore {
    async fn register_all(
        &self,
        wanted: &[NewSubscription<'_>],
    ) -> sqlx::Result<Vec<Subscription>> {
        let mut tx = self.write().await?;
        for NewSubscription { name, start } in wanted {
            let sql = "INSERT INTO {subscription} (application, name, start) \
                       SELECT ?1, ?2, CASE WHEN ?3 THEN (SELECT coalesce(max(position), 0) FROM {event}) \
                       ELSE 0 END \
                       WHERE NOT EXISTS (SELECT 1 FROM {subscription} WHERE application = ?1 AND name = ?2)";
            sqlx::query(self.tables.names.sql(sql))
                .bind(&self.tables.application)
                .bind(*name)
                .bind(*start == Start::Now)
                .execute(&mut *tx)
                .await?;
        }
        let sql = "SELECT id, name, paused FROM {subscription} WHERE application = ? ORDER BY id";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .fetch_all(&mut *tx);
        let rows = rows.await?;
        let subscriptions = rows.iter().map(|row| {
            Ok(Subscription {
                id: SubscriptionId(row.try_get(0)?),
                name: row.try_get(1)?,
                is_paused: row.try_get(2)?,
            })
        });
        let subscriptions = subscriptions.collect::<sqlx::Result<_>>()?;
        tx.commit().await?;
        Ok(subscriptions)
    }

    async fn beat_once(&self, node: &Node) -> sqlx::Result<Beat> {
        let mut tx = self.write().await?;
        let sql = format!(
            "INSERT INTO {{node}} (id, application, until, about) VALUES (?, ?, {NOW} + ?, ?) \
             ON CONFLICT (id) DO UPDATE SET until = excluded.until, about = excluded.about"
        );
        sqlx::query(self.tables.names.sql(&sql))
            .bind(node.id)
            .bind(&self.tables.application)
            .bind(longest_ttl(node.ttl))
            .bind(&node.about)
            .execute(&mut *tx)
            .await?;
        let sql = format!("UPDATE {{node}} SET until = {NOW} + ?1 WHERE until > {NOW} + ?1");
        let query = sqlx::query(self.tables.names.sql(&sql)).bind(longest_life(node.ttl));
        query.execute(&mut *tx).await?;
        // Those that ended long ago without a word.
        let sql = format!("DELETE FROM {{node}} WHERE until < {NOW} - 86400000000");
        sqlx::query(self.tables.names.sql(&sql)).execute(&mut *tx).await?;
        self.tables.prune_keys(&mut tx, self.keep_keys).await?;
        let sql = format!("SELECT count(*) FROM {{node}} WHERE application = ? AND until > {NOW}");
        let living: i64 = sqlx::query_scalar(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .fetch_one(&mut *tx)
            .await?;
        let sql =
            "SELECT shard, token FROM {lease} WHERE application = ? AND node = ? ORDER BY shard";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(node.id)
            .fetch_all(&mut *tx)
            .await?;
        let leases = rows.iter().map(lease).collect::<sqlx::Result<_>>()?;
        let sql = "SELECT id FROM {subscription} WHERE application = ? AND paused ORDER BY id";
        let paused: Vec<u32> = sqlx::query_scalar(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Beat {
            living: usize::try_from(living).unwrap_or(usize::MAX),
            leases,
            paused: paused.into_iter().map(SubscriptionId).collect(),
        })
    }

    async fn claim_free(
        &self,
        node: &Node,
        at_most: usize,
        subscriptions: &[SubscriptionId],
    ) -> sqlx::Result<Vec<Claim>> {
        let mut tx = self.write().await?;
        let sql = format!(
            "UPDATE {{lease}} SET node = ?1, token = token + 1 WHERE application = ?2 AND shard IN \
             (SELECT shard FROM {{lease}} WHERE application = ?2 AND (node IS NULL OR node NOT IN \
             (SELECT id FROM {{node}} WHERE until > {NOW})) ORDER BY shard LIMIT ?3) \
             RETURNING shard, token"
        );
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(node.id)
            .bind(&self.tables.application)
            .bind(crate::convert::limit(at_most))
            .fetch_all(&mut *tx)
            .await?;
        let mut claims = Vec::with_capacity(rows.len());
        for row in &rows {
            let lease = lease(row)?;
            claims.push(self.progress(&mut tx, lease, subscriptions).await?);
        }
        tx.commit().await?;
        claims.sort_by_key(|claim| claim.lease.shard);
        Ok(claims)
    }

    async fn progress(
        &self,
        connection: &mut SqliteConnection,
        lease: Lease,
        subscriptions: &[SubscriptionId],
    ) -> sqlx::Result<Claim> {
        let ids = json(subscriptions.iter().map(|id| [i64::from(id.0)]));
        let sql = "SELECT wanted.value ->> 0, coalesce(checkpoint.position, subscription.start), \
                   checkpoint.ahead \
                   FROM json_each(?) wanted \
                   JOIN {subscription} subscription ON subscription.id = wanted.value ->> 0 \
                   LEFT JOIN {checkpoint} checkpoint ON checkpoint.subscription = subscription.id \
                   AND checkpoint.shard = ? ORDER BY wanted.key";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&ids)
            .bind(i64::from(lease.shard))
            .fetch_all(&mut *connection)
            .await?;
        let (mut checkpoints, mut ahead) = (Vec::new(), Vec::new());
        for row in &rows {
            let subscription = SubscriptionId(row.try_get(0)?);
            checkpoints.push((subscription, to_position(row.try_get(1)?)));
            ahead.extend(row.try_get::<Option<String>, _>(2)?.map(|ahead| (subscription, ahead)));
        }
        let sql = "SELECT subscription, position, attempts, due, error, died_at FROM {parked} \
                   WHERE shard = ? AND subscription IN (SELECT value ->> 0 FROM json_each(?)) \
                   ORDER BY position, subscription";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(i64::from(lease.shard))
            .bind(&ids)
            .fetch_all(connection)
            .await?;
        let parked = rows.iter().map(|row| {
            let (due, died_at): (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(5)?);
            let parked = Parked {
                position: to_position(row.try_get(1)?),
                attempts: row.try_get(2)?,
                due: due.map(to_timestamp),
                error: row.try_get(4)?,
                died_at: died_at.map(to_timestamp),
            };
            Ok((SubscriptionId(row.try_get(0)?), parked))
        });
        Ok(Claim { lease, checkpoints, ahead, parked: parked.collect::<sqlx::Result<_>>()? })
    }

    async fn release_all(&self, node: &Node, leases: &[Lease]) -> sqlx::Result<()> {
        let mut tx = self.write().await?;
        let sql = "UPDATE {lease} SET node = NULL WHERE application = ? AND node = ? AND (shard, token) IN \
                   (SELECT value ->> 0, value ->> 1 FROM json_each(?))";
        let rows = leases.iter().map(|it| [i64::from(it.shard), it.token.cast_signed()]);
        sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(node.id)
            .bind(json(rows))
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    async fn remove(&self, node: &Node) -> sqlx::Result<()> {
        let mut tx = self.write().await?;
        let sql = self.tables.names.sql("DELETE FROM {node} WHERE id = ?");
        sqlx::query(sql).bind(node.id).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Fails if this is not the log in which `seen` were seen.
    async fn check(
        &self,
        connection: &mut SqliteConnection,
        seen: &[SeenEvent],
    ) -> Result<(), StoreError> {
        let end = self.last(connection).await.map_err(store_error)?;
        let sql = self.tables.names.sql("SELECT id FROM {event} WHERE position = ?");
        for event in seen {
            let query = sqlx::query_scalar(sql.clone()).bind(position(event.position));
            let there: Option<Uuid> =
                query.fetch_optional(&mut *connection).await.map_err(store_error)?;
            if position(event.position) > end || there.is_some_and(|id| id != event.id) {
                return Err(StoreError::WentBack { end: to_position(end), seen: event.position });
            }
        }
        Ok(())
    }

    /// All changes in one transaction, because each transaction waits for the disk.
    async fn save_all(
        &self,
        mut tx: WriteTransaction<Sqlite>,
        changes: &[Change],
    ) -> sqlx::Result<Vec<Lease>> {
        let sql = "SELECT shard, token FROM {lease} WHERE application = ?";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .fetch_all(&mut *tx)
            .await?;
        let held: HashSet<_> = rows.iter().map(lease).collect::<sqlx::Result<_>>()?;
        let (saved, lost): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| held.contains(&change.lease));

        let sql = "INSERT INTO {checkpoint} (subscription, shard, position, ahead) \
                   SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true \
                   ON CONFLICT (subscription, shard) \
                   DO UPDATE SET position = excluded.position, ahead = excluded.ahead";
        let rows = saved.iter().map(|change| {
            let subscription = change.subscription.0;
            (subscription, change.lease.shard, position(change.checkpoint), &change.ahead)
        });
        sqlx::query(self.tables.names.sql(sql)).bind(json(rows)).execute(&mut *tx).await?;
        for change in saved {
            self.save_deliveries(&mut tx, change).await?;
        }
        tx.commit().await?;
        Ok(lost.into_iter().map(|change| change.lease).collect())
    }

    /// What is parked, no longer parked, dead or no longer needed. For most changes, nothing.
    async fn save_deliveries(
        &self,
        connection: &mut SqliteConnection,
        change: &Change,
    ) -> sqlx::Result<()> {
        let (subscription, shard) =
            (i64::from(change.subscription.0), i64::from(change.lease.shard));
        for parked in &change.park {
            let sql = "INSERT INTO {parked} (subscription, shard, position, attempts, due, error, died_at) \
                       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                       attempts = excluded.attempts, due = excluded.due, error = excluded.error, \
                       died_at = excluded.died_at";
            sqlx::query(self.tables.names.sql(sql))
                .bind(subscription)
                .bind(shard)
                .bind(position(parked.position))
                .bind(i64::from(parked.attempts))
                .bind(parked.due.map(jiff::Timestamp::as_microsecond))
                .bind(&parked.error)
                .bind(parked.died_at.map(jiff::Timestamp::as_microsecond))
                .execute(&mut *connection)
                .await?;
        }
        if !change.unpark.is_empty() {
            let sql = "DELETE FROM {parked} WHERE subscription = ? AND shard = ? \
                       AND position IN (SELECT value ->> 0 FROM json_each(?))";
            sqlx::query(self.tables.names.sql(sql))
                .bind(subscription)
                .bind(shard)
                .bind(json(change.unpark.iter().map(|it| [position(*it)])))
                .execute(&mut *connection)
                .await?;
        }
        for dead in &change.dead {
            let sql = format!(
                "INSERT OR REPLACE INTO {{dead}} (subscription, position, attempts, error, at, {EVENT}) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            );
            let query = sqlx::query(self.tables.names.sql(&sql))
                .bind(subscription)
                .bind(position(dead.event.position))
                .bind(i64::from(dead.attempts))
                .bind(&dead.error)
                .bind(dead.event.at.as_microsecond());
            bind(query, &dead.event.event).execute(&mut *connection).await?;
        }
        if change.forget_done {
            let sql = "DELETE FROM {done} WHERE subscription = ?1 AND shard = ?2 AND position <= ?3 \
                       AND position NOT IN \
                       (SELECT position FROM {parked} WHERE subscription = ?1 AND shard = ?2)";
            sqlx::query(self.tables.names.sql(sql))
                .bind(subscription)
                .bind(shard)
                .bind(position(change.checkpoint))
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}

/// From a shard and a token.
fn lease(row: &SqliteRow) -> sqlx::Result<Lease> {
    let token: i64 = row.try_get(1)?;
    Ok(Lease { shard: to_shard(row.try_get(0)?), token: token.cast_unsigned() })
}
