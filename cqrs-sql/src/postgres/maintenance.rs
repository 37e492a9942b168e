//! What operators look at and change, in Postgres.

use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    DeliveryFilter, DeliveryId, Edit, FailedState, LivingNode, Maintenance, ResetTo, StoreError,
    StoredFailure, Subscription, SubscriptionProgress,
};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row as _};
use uuid::Uuid;

use super::PostgresStore;
use super::open::BEGIN;
use super::progress::id;
use super::rows::{Columns, EVENT, decode, time};
use crate::codes::store_error;
use crate::convert::{limit, position, to_position, to_shard};
use crate::lowest::LOWEST;
use crate::transaction::WriteTransaction;

impl Maintenance for PostgresStore {
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
            let changed = self.edit_once(edit).await?;
            self.tell();
            Ok(changed)
        })
    }
}

impl PostgresStore {
    async fn read_subscriptions(&self) -> sqlx::Result<Vec<SubscriptionProgress>> {
        let sql = format!(
            "SELECT progress.*, (SELECT (extract(epoch FROM clock_timestamp() - at) * 1000000)::bigint FROM {{event}} WHERE position > progress.lowest \
             ORDER BY position LIMIT 1) FROM \
             (SELECT subscription.id, subscription.name, subscription.paused, {LOWEST} AS lowest, \
                 (SELECT coalesce(max(position), 0) FROM {{event}}) AS last, \
                 (SELECT count(*) FROM {{parked}} AS parked WHERE parked.subscription = subscription.id \
                     AND parked.died_at IS NULL) AS parked, \
                 (SELECT count(*) FROM {{dead}} AS dead WHERE dead.subscription = subscription.id) + \
                 (SELECT count(*) FROM {{parked}} AS parked WHERE parked.subscription = subscription.id \
                     AND parked.died_at IS NOT NULL) AS dead \
             FROM {{subscription}} AS subscription WHERE subscription.application = $1) AS progress \
             ORDER BY progress.name"
        )
        .replace("$shards", &self.profile.shards.to_string());
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .fetch_all(&self.pool)
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
        let sql = "SELECT node.id, node.about, lease.shard FROM {node} node LEFT JOIN {lease} lease \
             ON lease.application = node.application AND lease.node = node.id \
             WHERE node.application = $1 AND node.until > clock_timestamp() ORDER BY node.id, lease.shard";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .fetch_all(&self.pool)
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
        let of = |table: &str| {
            let columns = EVENT.split(", ").map(|it| match it {
                "context" | "payload" => format!("{table}.{it}::text"),
                _ => format!("{table}.{it}"),
            });
            columns.collect::<Vec<_>>().join(", ")
        };
        let (event, dead) = (of("event"), of("dead"));
        let sql = format!(
            "SELECT failed.*, subscription.id, subscription.name, subscription.paused FROM \
             (SELECT dead.position, dead.at, {dead}, NULL::int4 AS only_for, dead.subscription AS number, \
                 dead.attempts, dead.error, dead.died_at AS since, true AS is_dead, \
                 NULL::timestamptz AS due, false AS blocks_key FROM {{dead}} AS dead \
              UNION ALL SELECT parked.position, event.at, {event}, event.only_for, parked.subscription, \
                 parked.attempts, coalesce(parked.error, ''), coalesce(parked.died_at, event.at), \
                 parked.died_at IS NOT NULL, parked.due, parked.died_at IS NOT NULL \
              FROM {{parked}} AS parked JOIN {{event}} AS event ON event.position = parked.position) AS failed \
             JOIN {{subscription}} AS subscription ON subscription.id = failed.number \
             WHERE subscription.application = $1 AND ($2::bool IS NULL OR is_dead = $2) \
             AND ($3::text IS NULL OR subscription.name = $3) AND ($4::text IS NULL OR failed.name = $4) \
             AND (NOT $5 OR tenant IS NOT DISTINCT FROM $6) \
             AND ($7::text IS NULL OR entity = $7 AND entity_id = $8) \
             AND ($9::text IS NULL OR strpos(error, $9) > 0) \
             AND ($10::int8 IS NULL OR since >= timestamptz 'epoch' + $10 * interval '1 microsecond') \
             AND ($11::int8 IS NULL OR since < timestamptz 'epoch' + $11 * interval '1 microsecond') \
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
            .bind(after.map_or(0, |after| after.subscription.0.cast_signed()))
            .bind(limit(filter.limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(failed).collect()
    }

    async fn edit_once(&self, edit: &Edit<'_>) -> Result<u64, StoreError> {
        let connection = self.pool.acquire().await.map_err(store_error)?;
        let begun = WriteTransaction::<Postgres>::begin(connection, None, BEGIN).await;
        let mut tx = begun.map_err(store_error)?;
        if let Edit::Redeliver { .. } = edit {
            // Takes the lock behind which positions are given, and lets what was committed go first.
            self.call(&mut tx, &[], &Columns::default()).await?;
        }
        let changed = self.edit_in(&mut tx, edit).await.map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(changed)
    }

    async fn edit_in(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        edit: &Edit<'_>,
    ) -> sqlx::Result<u64> {
        let changed = match edit {
            Edit::Pause { handler, pause } => {
                let sql = "UPDATE {subscription} SET paused = $1 WHERE application = $2 AND name = $3 \
                           AND paused <> $1";
                let query = sqlx::query(self.tables.names.sql(sql))
                    .bind(*pause)
                    .bind(&self.tables.application)
                    .bind(*handler);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Edit::Redeliver { delivery, payload } => {
                let sql = "UPDATE {parked} SET due = clock_timestamp(), died_at = NULL, \
                           attempts = CASE WHEN died_at IS NULL THEN attempts ELSE 0 END";
                self.take_away(tx, Some(*delivery)).await?;
                match self.change(tx, sql, *delivery).await? {
                    0 => self.append_dead(tx, *delivery, *payload).await?,
                    parked => parked,
                }
            }
            Edit::Discard(delivery) => {
                self.take_away(tx, Some(*delivery)).await?;
                match self.change(tx, "DELETE FROM {parked}", *delivery).await? {
                    0 => self.change(tx, "DELETE FROM {dead}", *delivery).await?,
                    parked => parked,
                }
            }
            Edit::Reset { handler, to } => self.reset(tx, handler, *to).await?,
            Edit::Forget { handler } => self.forget(tx, handler).await?,
            Edit::Prune { before, limit } => {
                let sql = format!(
                    "WITH head AS (SELECT position, at FROM {{event}} ORDER BY position LIMIT $1) \
                     DELETE FROM {{event}} WHERE position IN (SELECT position FROM head) \
                     AND position < coalesce((SELECT min(position) FROM head WHERE at >= timestamptz 'epoch' + $2 * interval '1 microsecond'), {max}) \
                     AND position < (SELECT max(position) FROM {{event}}) \
                     AND position < coalesce((SELECT min(position) FROM {{parked}}), {max}) \
                     AND position <= coalesce((SELECT min({LOWEST}) FROM {{subscription}} AS subscription), {max})",
                    max = i64::MAX
                )
                .replace("$shards", &self.profile.shards.to_string());
                let query = sqlx::query(self.tables.names.sql(&sql))
                    .bind(i64::from(*limit))
                    .bind(before.as_microsecond());
                query.execute(&mut **tx).await?.rows_affected()
            }
        };
        Ok(changed)
    }

    /// Changes the row of a delivery of this application.
    async fn change(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        change: &str,
        delivery: DeliveryId,
    ) -> sqlx::Result<u64> {
        let sql = format!(
            "{change} WHERE subscription = $1 AND position = $2 AND subscription IN \
             (SELECT id FROM {{subscription}} WHERE application = $3)"
        );
        let query = sqlx::query(self.tables.names.sql(&sql))
            .bind(delivery.subscription.0.cast_signed())
            .bind(position(delivery.position))
            .bind(&self.tables.application);
        Ok(query.execute(&mut **tx).await?.rows_affected())
    }

    /// Appends the event of a dead letter again, for its subscription alone.
    async fn append_dead(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        delivery: DeliveryId,
        payload: Option<(u32, &str)>,
    ) -> sqlx::Result<u64> {
        let columns = EVENT.trim_end_matches("payload");
        let values = columns.replace("version", "coalesce($5, version)");
        let sql = format!(
            "INSERT INTO {{event}} (position, {columns} payload, only_for) \
             SELECT (SELECT coalesce(max(position), 0) + 1 FROM {{event}}), {values} \
             coalesce($4::json, payload), subscription FROM {{dead}} \
             WHERE subscription = $1 AND position = $2 AND subscription IN \
             (SELECT id FROM {{subscription}} WHERE application = $3)"
        );
        let query = sqlx::query(self.tables.names.sql(&sql))
            .bind(delivery.subscription.0.cast_signed())
            .bind(position(delivery.position))
            .bind(&self.tables.application)
            .bind(payload.map(|(_, text)| text))
            .bind(payload.map(|(version, _)| version.cast_signed()));
        query.execute(&mut **tx).await?;
        self.change(tx, "DELETE FROM {dead}", delivery).await
    }

    /// Takes shards away from their owners: that of a delivery, or all.
    async fn take_away(
        &self,
        connection: &mut PgConnection,
        delivery: Option<DeliveryId>,
    ) -> sqlx::Result<()> {
        let sql = "UPDATE {lease} SET token = token + 1, node = NULL WHERE application = $1 AND ($2::int4 IS NULL \
                   OR shard = (SELECT shard FROM {parked} WHERE subscription = $2 AND position = $3))";
        let query = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(delivery.map(|it| it.subscription.0.cast_signed()))
            .bind(delivery.map(|it| position(it.position)));
        query.execute(connection).await?;
        Ok(())
    }

    async fn reset(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        handler: &str,
        to: ResetTo,
    ) -> sqlx::Result<u64> {
        let Some(number) = self.number(tx, handler).await? else { return Ok(0) };
        let sql = "SELECT coalesce(max(position), 0) FROM {event} WHERE ($1::int8 IS NULL \
                   OR at < timestamptz 'epoch' + $1 * interval '1 microsecond') \
                   AND ($2::int8 IS NULL OR position <= $2)";
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
            "UPDATE {subscription} SET start = $2 WHERE id = $1",
            "DELETE FROM {checkpoint} WHERE subscription = $1 AND $2::int8 IS NOT NULL",
            "DELETE FROM {parked} WHERE subscription = $1 AND position > $2",
            "DELETE FROM {done} WHERE subscription = $1 AND position > $2",
        ] {
            let query = sqlx::query(self.tables.names.sql(sql)).bind(number).bind(start);
            query.execute(&mut **tx).await?;
        }
        Ok(1)
    }

    async fn forget(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        handler: &str,
    ) -> sqlx::Result<u64> {
        let Some(number) = self.number(tx, handler).await? else { return Ok(0) };
        self.take_away(tx, None).await?;
        for table in ["checkpoint", "parked", "done", "dead"] {
            let sql = format!("DELETE FROM {{{table}}} WHERE subscription = $1");
            sqlx::query(self.tables.names.sql(&sql)).bind(number).execute(&mut **tx).await?;
        }
        let sql = self.tables.names.sql("DELETE FROM {subscription} WHERE id = $1");
        Ok(sqlx::query(sql).bind(number).execute(&mut **tx).await?.rows_affected())
    }

    /// The number of a subscription of this application.
    async fn number(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        handler: &str,
    ) -> sqlx::Result<Option<i32>> {
        let sql = "SELECT id FROM {subscription} WHERE application = $1 AND name = $2";
        let query = sqlx::query_scalar(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(handler);
        query.fetch_optional(&mut **tx).await
    }
}

/// From the number, the name, and whether it is paused.
fn subscription(row: &PgRow, first: usize) -> sqlx::Result<Subscription> {
    Ok(Subscription {
        id: id(row, first)?,
        name: row.try_get(first + 1)?,
        is_paused: row.try_get(first + 2)?,
    })
}

fn failed(row: &PgRow) -> sqlx::Result<StoredFailure> {
    let attempts: i32 = row.try_get("attempts")?;
    let (since, is_dead) = (time(row, 16)?, row.try_get("is_dead")?);
    let parked = FailedState::Parked { due: time(row, 18)? };
    Ok(StoredFailure {
        subscription: subscription(row, 20)?,
        event: decode(row, 0)?,
        attempts: attempts.cast_unsigned(),
        error: row.try_get("error")?,
        since: since.unwrap_or_default(),
        state: if is_dead { FailedState::Dead } else { parked },
        blocks_key: row.try_get("blocks_key")?,
    })
}
