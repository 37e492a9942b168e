//! Subscriptions, leases and checkpoints in Postgres.

use std::collections::HashSet;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, Lease, NewSubscription, Node, Parked, Progress, SeenEvent, Start,
    StoreError, Subscription, SubscriptionId,
};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row as _};

use super::PostgresStore;
use super::open::BEGIN;
use super::rows::time;
use super::save::Columns;
use crate::codes::store_error;
use crate::convert::{limit, longest_life, longest_ttl, shard, to_position, to_shard};
use crate::transaction::WriteTransaction;

impl Progress for PostgresStore {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        Box::pin(async move {
            // What has committed is in the log now for a subscription that starts now.
            self.append_all(&[]).await?;
            self.register_all(wanted).await.map_err(store_error)
        })
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        Box::pin(async move {
            let beat = self.beat_once(node).await.map_err(store_error)?;
            let pruned = async {
                let mut connection = self.pool.acquire().await?;
                self.tables.prune_keys(&mut connection, self.keep_keys).await
            };
            if let Err(error) = pruned.await {
                tracing::warn!(%error, "old idempotency keys cannot be removed; trying again");
            }
            self.notifications.set_shared(beat.living > 1, &self.pool, &self.news);
            Ok(beat)
        })
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
        Box::pin(async move {
            let shards = leases.iter().map(|it| shard(it.shard)).collect::<Result<Vec<_>, _>>()?;
            let tokens: Vec<_> = leases.iter().map(|it| it.token.cast_signed()).collect();
            let sql = "UPDATE {lease} AS lease SET node = NULL \
                       FROM unnest($3::int2[], $4::int8[]) AS given (shard, token) \
                       WHERE lease.application = $1 AND lease.node = $2 \
                       AND lease.shard = given.shard AND lease.token = given.token";
            let query = sqlx::query(self.tables.names.sql(sql))
                .bind(&self.tables.application)
                .bind(node.id)
                .bind(shards)
                .bind(tokens);
            query.execute(&self.pool).await.map_err(store_error)?;
            Ok(())
        })
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let sql = self.tables.names.sql("DELETE FROM {node} WHERE id = $1");
            sqlx::query(sql).bind(node.id).execute(&self.pool).await.map_err(store_error)?;
            Ok(())
        })
    }

    fn save<'a>(
        &'a self,
        changes: &'a [Change],
        seen: &'a [SeenEvent],
    ) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        Box::pin(async move {
            let mut lost = Vec::new();
            let mut rest = changes;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(first_of_each(rest));
                let columns = Columns::of(now)?;
                let held = self.save_columns(&columns, seen).await?;
                lost.extend(now.iter().map(|it| it.lease).filter(|it| !held.contains(it)));
                rest = later;
            }
            Ok(lost)
        })
    }
}

/// How many of these changes are of different subscriptions and shards. A statement changes a row only once.
fn first_of_each(changes: &[Change]) -> usize {
    let mut before = HashSet::new();
    changes.iter().take_while(|it| before.insert((it.subscription, it.lease.shard))).count()
}

impl PostgresStore {
    async fn register_all(
        &self,
        wanted: &[NewSubscription<'_>],
    ) -> sqlx::Result<Vec<Subscription>> {
        let names: Vec<_> = wanted.iter().map(|it| it.name).collect();
        let from_now: Vec<_> = wanted.iter().map(|it| it.start == Start::Now).collect();
        // No number is used up for a subscription that is there.
        let sql = "INSERT INTO {subscription} (application, name, start) \
                   SELECT $1, wanted.name, CASE WHEN wanted.from_now \
                       THEN (SELECT coalesce(max(position), 0) FROM {event}) ELSE 0 END \
                   FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS wanted (name, from_now, number) \
                   WHERE NOT EXISTS (SELECT FROM {subscription} AS present \
                       WHERE present.application = $1 AND present.name = wanted.name) \
                   ORDER BY wanted.number ON CONFLICT DO NOTHING";
        sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(names)
            .bind(from_now)
            .execute(&self.pool)
            .await?;
        let sql = "SELECT id, name, paused FROM {subscription} WHERE application = $1 ORDER BY id";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .fetch_all(&self.pool)
            .await?;
        let subscriptions = rows.iter().map(|row| {
            let (name, is_paused) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Subscription { id: id(row, 0)?, name, is_paused })
        });
        subscriptions.collect()
    }

    async fn beat_once(&self, node: &Node) -> sqlx::Result<Beat> {
        let sql = "WITH beaten AS (\
                       INSERT INTO {node} (id, application, until, about) \
                       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond', $4) \
                       ON CONFLICT (id) DO UPDATE SET until = excluded.until, about = excluded.about \
                       RETURNING (until > clock_timestamp())::int AS lives), \
                   gone AS (\
                       DELETE FROM {node} WHERE id <> $1 AND until < clock_timestamp() - interval '1 day'), \
                   ahead AS (\
                       UPDATE {node} SET until = clock_timestamp() + $5 * interval '1 microsecond' \
                       WHERE id <> $1 AND until > clock_timestamp() + $5 * interval '1 microsecond'), \
                   held AS (SELECT shard, token FROM {lease} WHERE application = $2 AND node = $1) \
                   SELECT (SELECT lives FROM beaten) + (SELECT count(*) FROM {node} \
                       WHERE application = $2 AND id <> $1 AND until > clock_timestamp()), \
                   ARRAY(SELECT shard FROM held ORDER BY shard), ARRAY(SELECT token FROM held ORDER BY shard), \
                   ARRAY(SELECT id FROM {subscription} WHERE application = $2 AND paused ORDER BY id)";
        let row = sqlx::query(self.tables.names.sql(sql))
            .bind(node.id)
            .bind(&self.tables.application)
            .bind(longest_ttl(node.ttl))
            .bind(&node.about)
            .bind(longest_life(node.ttl))
            .fetch_one(&self.pool)
            .await?;
        let (shards, tokens): (Vec<i16>, Vec<i64>) = (row.try_get(1)?, row.try_get(2)?);
        let paused: Vec<i32> = row.try_get(3)?;
        let lease = |(shard, token): (i16, i64)| Lease {
            shard: to_shard(shard),
            token: token.cast_unsigned(),
        };
        Ok(Beat {
            living: usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX),
            leases: shards.into_iter().zip(tokens).map(lease).collect(),
            paused: paused.into_iter().map(|id| SubscriptionId(id.cast_unsigned())).collect(),
        })
    }

    /// Claims and reads in one transaction, so that a node never has a lease that it does not know. The second
    /// statement sees all that the owners before have written, because the first one has waited for their locks.
    async fn claim_free(
        &self,
        node: &Node,
        at_most: usize,
        subscriptions: &[SubscriptionId],
    ) -> sqlx::Result<Vec<Claim>> {
        let connection = self.pool.acquire().await?;
        let mut tx = WriteTransaction::<Postgres>::begin(connection, None, BEGIN).await?;
        let sql = "WITH free AS (\
                       SELECT lease.shard FROM {lease} AS lease WHERE lease.application = $1 \
                       AND (lease.node IS NULL OR NOT EXISTS (SELECT FROM {node} AS node \
                           WHERE node.id = lease.node AND node.until > clock_timestamp())) \
                       ORDER BY lease.shard LIMIT $3 FOR UPDATE OF lease SKIP LOCKED) \
                   UPDATE {lease} AS lease SET node = $2, token = lease.token + 1 FROM free \
                   WHERE lease.application = $1 AND lease.shard = free.shard \
                   RETURNING lease.shard, lease.token";
        let rows = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(node.id)
            .bind(limit(at_most))
            .fetch_all(&mut *tx)
            .await?;
        let claims = rows.iter().map(|row| {
            let token: i64 = row.try_get(1)?;
            let lease = Lease { shard: to_shard(row.try_get(0)?), token: token.cast_unsigned() };
            Ok(Claim { lease, checkpoints: Vec::new(), ahead: Vec::new(), parked: Vec::new() })
        });
        let mut claims: Vec<_> = claims.collect::<sqlx::Result<_>>()?;
        claims.sort_by_key(|claim| claim.lease.shard);
        if !claims.is_empty() {
            self.read_progress(&mut tx, &mut claims, subscriptions).await?;
        }
        tx.commit().await?;
        Ok(claims)
    }

    async fn read_progress(
        &self,
        tx: &mut WriteTransaction<Postgres>,
        claims: &mut [Claim],
        subscriptions: &[SubscriptionId],
    ) -> sqlx::Result<()> {
        let shards: Vec<_> =
            claims.iter().map(|it| i16::try_from(it.lease.shard).unwrap_or(i16::MAX)).collect();
        let ids: Vec<_> = subscriptions.iter().map(|id| id.0.cast_signed()).collect();
        let sql = "SELECT claimed.shard, subscription.id, coalesce(checkpoint.position, subscription.start), \
                       checkpoint.ahead \
                   FROM unnest($1::int2[]) AS claimed (shard) \
                   CROSS JOIN unnest($2::int4[]) WITH ORDINALITY AS wanted (id, number) \
                   JOIN {subscription} AS subscription ON subscription.id = wanted.id \
                   LEFT JOIN {checkpoint} AS checkpoint ON checkpoint.subscription = subscription.id \
                       AND checkpoint.shard = claimed.shard ORDER BY wanted.number";
        let query = sqlx::query(self.tables.names.sql(sql)).bind(&shards).bind(&ids);
        for row in &query.fetch_all(&mut **tx).await? {
            let (subscription, checkpoint) = (id(row, 1)?, to_position(row.try_get(2)?));
            let ahead: Option<String> = row.try_get(3)?;
            let claim = of_shard(claims, row)?;
            claim.checkpoints.push((subscription, checkpoint));
            claim.ahead.extend(ahead.map(|ahead| (subscription, ahead)));
        }
        let sql = "SELECT shard, subscription, position, attempts, due, error, died_at FROM {parked} \
                   WHERE shard = ANY($1) AND subscription = ANY($2) ORDER BY position, subscription";
        let query = sqlx::query(self.tables.names.sql(sql)).bind(&shards).bind(&ids);
        for row in &query.fetch_all(&mut **tx).await? {
            let attempts: i32 = row.try_get(3)?;
            let parked = Parked {
                position: to_position(row.try_get(2)?),
                attempts: attempts.cast_unsigned(),
                due: time(row, 4)?,
                error: row.try_get(5)?,
                died_at: time(row, 6)?,
            };
            let subscription = id(row, 1)?;
            of_shard(claims, row)?.parked.push((subscription, parked));
        }
        Ok(())
    }
}

pub(super) fn id(row: &PgRow, column: usize) -> sqlx::Result<SubscriptionId> {
    Ok(SubscriptionId(row.try_get::<i32, _>(column)?.cast_unsigned()))
}

/// The claim of the shard in the first column.
fn of_shard<'a>(claims: &'a mut [Claim], row: &PgRow) -> sqlx::Result<&'a mut Claim> {
    let shard = to_shard(row.try_get(0)?);
    let claim = claims.iter_mut().find(|claim| claim.lease.shard == shard);
    claim.ok_or(sqlx::Error::RowNotFound)
}
