//! What operators look at and change, in SQLite.

use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    DeliveryFilter, DeliveryId, Edit, FailedState, LivingNode, Maintenance, ResetTo, StoreError,
    StoredFailure, Subscription, SubscriptionId, SubscriptionProgress,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use super::progress::NOW;
use super::rows::{EVENT, decode};
use crate::codes::store_error;
use crate::convert::{limit, position, to_position, to_shard, to_timestamp};
use crate::lowest::LOWEST;
use crate::transaction::WriteTransaction;

impl Maintenance for SqliteStore {
    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<SubscriptionProgress>, StoreError>> {
        Box::pin(async move { self.read_subscriptions().await.map_err(store_error) })
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Vec<LivingNode>, StoreError>> {
        Box::pin(async move { self.read_nodes().await.map_err(store_error) })
    }

    fn failed<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        Box::pin(async move { self.read_failed(filter).await.map_err(store_error) })
    }

    fn edit<'a>(&'a self, edit: &'a Edit<'a>) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let changed = self.edit_once(edit).await.map_err(store_error)?;
            self.news.notify_waiters();
            Ok(changed)
        })
    }
}

impl SqliteStore {
    async fn read_subscriptions(&self) -> sqlx::Result<Vec<SubscriptionProgress>> {
        let sql = format!(
            "SELECT progress.*, (SELECT {NOW} - at FROM {{event}} WHERE position > progress.lowest \
             ORDER BY position LIMIT 1) FROM \
             (SELECT subscription.id, subscription.name, subscription.paused, {LOWEST} AS lowest, \
                 (SELECT coalesce(max(position), 0) FROM {{event}}), \
                 (SELECT count(*) FROM {{parked}} parked WHERE parked.subscription = subscription.id \
                     AND parked.died_at IS NULL), \
                 (SELECT count(*) FROM {{dead}} dead WHERE dead.subscription = subscription.id) + \
                 (SELECT count(*) FROM {{parked}} parked WHERE parked.subscription = subscription.id \
                     AND parked.died_at IS NOT NULL) \
             FROM {{subscription}} subscription WHERE subscription.application = $1) progress \
             ORDER BY progress.name"
        )
        .replace("$shards", &self.profile.shards.to_string());
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .fetch_all(&self.readers)
            .await?;
        let progress = rows.iter().map(|row| {
            let (lowest, end): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
            let lag: Option<i64> = row.try_get(7)?;
            Ok(SubscriptionProgress {
                subscription: subscription(row, 0)?,
                position: to_position(lowest),
                behind: (end - lowest).max(0).cast_unsigned(),
                lag: Duration::from_micros(lag.unwrap_or(0).max(0).cast_unsigned()),
                parked: row.try_get::<i64, _>(5)?.cast_unsigned(),
                dead: row.try_get::<i64, _>(6)?.cast_unsigned(),
            })
        });
        progress.collect()
    }

    async fn read_nodes(&self) -> sqlx::Result<Vec<LivingNode>> {
        let sql = format!(
            "SELECT node.id, node.about, lease.shard FROM {{node}} node LEFT JOIN {{lease}} lease \
             ON lease.application = node.application AND lease.node = node.id \
             WHERE node.application = ? AND node.until > {NOW} ORDER BY node.id, lease.shard"
        );
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .fetch_all(&self.readers)
            .await?;
        let mut nodes: Vec<LivingNode> = Vec::new();
        for row in &rows {
            let id: Uuid = row.try_get(0)?;
            let shard: Option<i16> = row.try_get(2)?;
            if nodes.last().is_none_or(|node| node.id != id) {
                nodes.push(LivingNode { id, about: row.try_get(1)?, shards: Vec::new() });
            }
            nodes.last_mut().into_iter().for_each(|it| it.shards.extend(shard.map(to_shard)));
        }
        Ok(nodes)
    }

    async fn read_failed(&self, filter: &DeliveryFilter) -> sqlx::Result<Vec<StoredFailure>> {
        let event =
            EVENT.split(", ").map(|it| format!("event.{it}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT failed.*, subscription.id, subscription.name, subscription.paused FROM \
             (SELECT position, at, {EVENT}, NULL AS only_for, subscription AS number, attempts, error, \
                 died_at AS since, 1 AS is_dead, NULL AS due, 0 AS blocks_key FROM {{dead}} \
              UNION ALL SELECT parked.position, event.at, {event}, event.only_for, parked.subscription, \
                 parked.attempts, coalesce(parked.error, ''), coalesce(parked.died_at, event.at), \
                 parked.died_at IS NOT NULL, parked.due, parked.died_at IS NOT NULL \
              FROM {{parked}} parked JOIN {{event}} event ON event.position = parked.position) failed \
             JOIN {{subscription}} subscription ON subscription.id = failed.number \
             WHERE subscription.application = $1 AND ($2 IS NULL OR is_dead = $2) \
             AND ($3 IS NULL OR subscription.name = $3) AND ($4 IS NULL OR failed.name = $4) \
             AND (NOT $5 OR tenant IS $6) \
             AND ($7 IS NULL OR entity = $7 AND entity_id = $8) \
             AND ($9 IS NULL OR instr(error, $9) > 0) \
             AND ($10 IS NULL OR since >= $10) AND ($11 IS NULL OR since < $11) \
             AND (position, number) > ($12, $13) ORDER BY position, number LIMIT $14"
        );
        let (entity, after) = (filter.entity.as_ref(), filter.after_delivery());
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .bind(filter.is_dead)
            .bind(&filter.handler)
            .bind(&filter.event)
            .bind(filter.tenant.is_some())
            .bind(filter.tenant.as_ref().and_then(|it| it.id()).map(ToString::to_string))
            .bind(entity.map(|(entity, _)| entity))
            .bind(entity.map(|(_, id)| id))
            .bind(&filter.error)
            .bind(filter.from.map(jiff::Timestamp::as_microsecond))
            .bind(filter.until.map(jiff::Timestamp::as_microsecond))
            .bind(after.map_or(0, |after| position(after.position)))
            .bind(after.map_or(0, |after| i64::from(after.subscription.0)))
            .bind(limit(filter.limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(failed).collect()
    }

    async fn edit_once(&self, edit: &Edit<'_>) -> sqlx::Result<u64> {
        let mut tx = self.write().await?;
        let changed = match edit {
            Edit::Pause { handler, pause } => {
                let sql = "UPDATE {subscription} SET paused = ? WHERE application = ? AND name = ? \
                           AND paused <> ?";
                let query = sqlx::query(self.tables.names.sql(sql))
                    .bind(*pause)
                    .bind(&self.tables.application)
                    .bind(*handler)
                    .bind(*pause);
                query.execute(&mut *tx).await?.rows_affected()
            }
            Edit::Redeliver { delivery, payload } => {
                let sql = format!(
                    "UPDATE {{parked}} SET due = {NOW}, died_at = NULL, \
                     attempts = CASE WHEN died_at IS NULL THEN attempts ELSE 0 END"
                );
                self.take_away(&mut tx, Some(*delivery)).await?;
                match self.change(&mut tx, &sql, *delivery).await? {
                    0 => self.append_dead(&mut tx, *delivery, *payload).await?,
                    parked => parked,
                }
            }
            Edit::Discard(delivery) => {
                self.take_away(&mut tx, Some(*delivery)).await?;
                match self.change(&mut tx, "DELETE FROM {parked}", *delivery).await? {
                    0 => self.change(&mut tx, "DELETE FROM {dead}", *delivery).await?,
                    parked => parked,
                }
            }
            Edit::Reset { handler, to } => self.reset(&mut tx, handler, *to).await?,
            Edit::Forget { handler } => self.forget(&mut tx, handler).await?,
            Edit::Prune { before, limit } => {
                let sql = format!(
                    "WITH head AS (SELECT position, at FROM {{event}} ORDER BY position LIMIT $1) \
                     DELETE FROM {{event}} WHERE position IN (SELECT position FROM head) \
                     AND position < coalesce((SELECT min(position) FROM head WHERE at >= $2), {max}) \
                     AND position < (SELECT max(position) FROM {{event}}) \
                     AND position < coalesce((SELECT min(position) FROM {{parked}}), {max}) \
                     AND position <= coalesce((SELECT min({LOWEST}) FROM {{subscription}} subscription), {max})",
                    max = i64::MAX
                )
                .replace("$shards", &self.profile.shards.to_string());
                let query = sqlx::query(self.tables.names.sql(&sql))
                    .bind(i64::from(*limit))
                    .bind(before.as_microsecond());
                query.execute(&mut *tx).await?.rows_affected()
            }
        };
        tx.commit().await?;
        Ok(changed)
    }

    /// Changes the row of a delivery of this application.
    async fn change(
        &self,
        tx: &mut WriteTransaction<Sqlite>,
        change: &str,
        delivery: DeliveryId,
    ) -> sqlx::Result<u64> {
        let sql = format!(
            "{change} WHERE subscription = ? AND position = ? AND subscription IN \
             (SELECT id FROM {{subscription}} WHERE application = ?)"
        );
        let query = sqlx::query(self.tables.names.sql(&sql))
            .bind(i64::from(delivery.subscription.0))
            .bind(position(delivery.position))
            .bind(&self.tables.application);
        Ok(query.execute(&mut **tx).await?.rows_affected())
    }

    /// Appends the event of a dead letter again, for its subscription alone.
    async fn append_dead(
        &self,
        tx: &mut WriteTransaction<Sqlite>,
        delivery: DeliveryId,
        payload: Option<(u32, &str)>,
    ) -> sqlx::Result<u64> {
        let columns = EVENT.trim_end_matches("payload");
        let values = columns.replace("version", "coalesce($5, version)");
        let sql = format!(
            "INSERT INTO {{event}} ({columns} payload, only_for) \
             SELECT {values} coalesce($4, payload), subscription FROM {{dead}} \
             WHERE subscription = $1 AND position = $2 AND subscription IN \
             (SELECT id FROM {{subscription}} WHERE application = $3)"
        );
        let query = sqlx::query(self.tables.names.sql(&sql))
            .bind(i64::from(delivery.subscription.0))
            .bind(position(delivery.position))
            .bind(&self.tables.application)
            .bind(payload.map(|(_, text)| text))
            .bind(payload.map(|(version, _)| i64::from(version)));
        query.execute(&mut **tx).await?;
        self.change(tx, "DELETE FROM {dead}", delivery).await
    }

    /// Takes shards away from their owners: that of a delivery, or all.
    async fn take_away(
        &self,
        connection: &mut SqliteConnection,
        delivery: Option<DeliveryId>,
    ) -> sqlx::Result<()> {
        let sql = "UPDATE {lease} SET token = token + 1, node = NULL WHERE application = ?1 AND (?2 IS NULL \
                   OR shard = (SELECT shard FROM {parked} WHERE subscription = ?2 AND position = ?3))";
        let query = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(delivery.map(|it| i64::from(it.subscription.0)))
            .bind(delivery.map(|it| position(it.position)));
        query.execute(connection).await?;
        Ok(())
    }

    async fn reset(
        &self,
        tx: &mut WriteTransaction<Sqlite>,
        handler: &str,
        to: ResetTo,
    ) -> sqlx::Result<u64> {
        let Some(number) = self.number(tx, handler).await? else { return Ok(0) };
        let sql = "SELECT coalesce(max(position), 0) FROM {event} WHERE (?1 IS NULL OR at < ?1) \
                   AND (?2 IS NULL OR position <= ?2)";
        let (before, at_most) = match to {
            ResetTo::Beginning => (None, Some(0)),
            ResetTo::Time(time) => (Some(time.as_microsecond()), None),
            ResetTo::After(after) => (None, Some(position(after))),
            _ => (None, None),
        };
        let query = sqlx::query_scalar(self.tables.names.sql(sql)).bind(before).bind(at_most);
        let start: i64 = query.fetch_one(&mut **tx).await?;
        self.take_away(tx, None).await?;
        for sql in [
            "UPDATE {subscription} SET start = ?2 WHERE id = ?1",
            "DELETE FROM {checkpoint} WHERE subscription = ?1 AND ?2 = ?2",
            "DELETE FROM {parked} WHERE subscription = ?1 AND position > ?2",
            "DELETE FROM {done} WHERE subscription = ?1 AND position > ?2",
        ] {
            let query = sqlx::query(self.tables.names.sql(sql)).bind(number).bind(start);
            query.execute(&mut **tx).await?;
        }
        Ok(1)
    }

    async fn forget(&self, tx: &mut WriteTransaction<Sqlite>, handler: &str) -> sqlx::Result<u64> {
        let Some(number) = self.number(tx, handler).await? else { return Ok(0) };
        self.take_away(tx, None).await?;
        for table in ["checkpoint", "parked", "done", "dead"] {
            let sql = format!("DELETE FROM {{{table}}} WHERE subscription = ?");
            sqlx::query(self.tables.names.sql(&sql)).bind(number).execute(&mut **tx).await?;
        }
        let sql = self.tables.names.sql("DELETE FROM {subscription} WHERE id = ?");
        Ok(sqlx::query(sql).bind(number).execute(&mut **tx).await?.rows_affected())
    }

    /// The number of a subscription of this application.
    async fn number(
        &self,
        tx: &mut WriteTransaction<Sqlite>,
        handler: &str,
    ) -> sqlx::Result<Option<i64>> {
        let sql = "SELECT id FROM {subscription} WHERE application = ? AND name = ?";
        let query = sqlx::query_scalar(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(handler);
        query.fetch_optional(&mut **tx).await
    }
}

/// From the number, the name, and whether it is paused.
fn subscription(row: &SqliteRow, first: usize) -> sqlx::Result<Subscription> {
    Ok(Subscription {
        id: SubscriptionId(row.try_get(first)?),
        name: row.try_get(first + 1)?,
        is_paused: row.try_get(first + 2)?,
    })
}

fn failed(row: &SqliteRow) -> sqlx::Result<StoredFailure> {
    let (is_dead, due): (bool, Option<i64>) = (row.try_get("is_dead")?, row.try_get("due")?);
    let parked = FailedState::Parked { due: due.map(to_timestamp) };
    Ok(StoredFailure {
        subscription: subscription(row, 20)?,
        event: decode(row)?,
        attempts: row.try_get("attempts")?,
        error: row.try_get("error")?,
        since: to_timestamp(row.try_get("since")?),
        state: if is_dead { FailedState::Dead } else { parked },
        blocks_key: row.try_get("blocks_key")?,
    })
}
