//! Saving progress in Postgres: many changes in one statement.

use std::collections::{BTreeMap, HashSet};

use cqrs_core::log::{Change, Lease, SeenEvent, StoreError};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::rows::{Columns as EventColumns, EVENT, PgQuery};
use crate::codes::store_error;
use crate::convert::{position, shard, to_position, to_shard};

/// Changes as arrays. The number of a change is its index.
#[derive(Default)]
pub(super) struct Columns<'a> {
    subscriptions: Vec<i32>,
    shards: Vec<i16>,
    tokens: Vec<i64>,
    checkpoints: Vec<i64>,
    forget_done: Vec<bool>,
    ahead: Vec<Option<&'a str>>,
    parked: Parked<'a>,
    unparked_changes: Vec<i32>,
    unparked: Vec<i64>,
    dead: Dead<'a>,
    dead_events: EventColumns<'a>,
}

#[derive(Default)]
struct Parked<'a> {
    changes: Vec<i32>,
    positions: Vec<i64>,
    attempts: Vec<i32>,
    due: Vec<Option<i64>>,
    errors: Vec<Option<&'a str>>,
    died_at: Vec<Option<i64>>,
}

#[derive(Default)]
struct Dead<'a> {
    changes: Vec<i32>,
    positions: Vec<i64>,
    attempts: Vec<i32>,
    errors: Vec<&'a str>,
    at: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(changes: &'a [Change]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        let mut dead_events = Vec::new();
        for (number, change) in (0_i32..).zip(changes) {
            columns.subscriptions.push(change.subscription.0.cast_signed());
            columns.shards.push(shard(change.lease.shard)?);
            columns.tokens.push(change.lease.token.cast_signed());
            columns.checkpoints.push(position(change.checkpoint));
            columns.forget_done.push(change.forget_done);
            columns.ahead.push(change.ahead.as_deref());
            columns.parked.add(number, change);
            let unparked: HashSet<_> = change.unpark.iter().map(|it| position(*it)).collect();
            columns.unparked_changes.extend(unparked.iter().map(|_| number));
            columns.unparked.extend(unparked);
            // The last one of each, because a statement changes a row only once.
            let dead: BTreeMap<_, _> =
                change.dead.iter().map(|dead| (dead.event.position, dead)).collect();
            for dead in dead.into_values() {
                columns.dead.changes.push(number);
                columns.dead.positions.push(position(dead.event.position));
                columns.dead.attempts.push(dead.attempts.cast_signed());
                columns.dead.errors.push(&dead.error);
                columns.dead.at.push(dead.event.at.as_microsecond());
                dead_events.push(&dead.event.event);
            }
        }
        columns.dead_events = EventColumns::of(dead_events)?;
        Ok(columns)
    }

    /// Binds `$10` and the following.
    fn bind_deliveries<'q>(&self, query: PgQuery<'q>) -> PgQuery<'q> {
        let query = query
            .bind(&self.parked.changes)
            .bind(&self.parked.positions)
            .bind(&self.parked.attempts)
            .bind(&self.parked.due)
            .bind(&self.parked.errors)
            .bind(&self.unparked_changes)
            .bind(&self.unparked)
            .bind(&self.dead.changes)
            .bind(&self.dead.positions)
            .bind(&self.dead.attempts)
            .bind(&self.dead.errors)
            .bind(&self.dead.at);
        self.dead_events.bind(query).bind(&self.parked.died_at)
    }

    /// Whether nothing but checkpoints changes.
    fn is_plain(&self) -> bool {
        self.parked.changes.is_empty()
            && self.unparked.is_empty()
            && self.dead.changes.is_empty()
            && !self.forget_done.contains(&true)
    }
}

impl<'a> Parked<'a> {
    /// What is parked after the change: the last one of each, without what is no longer parked.
    fn add(&mut self, number: i32, change: &'a Change) {
        let rows: BTreeMap<_, _> = change.park.iter().map(|it| (it.position, it)).collect();
        for parked in rows.into_values().filter(|it| !change.unpark.contains(&it.position)) {
            self.changes.push(number);
            self.positions.push(position(parked.position));
            self.attempts.push(parked.attempts.cast_signed());
            self.due.push(parked.due.map(jiff::Timestamp::as_microsecond));
            self.errors.push(parked.error.as_deref());
            self.died_at.push(parked.died_at.map(jiff::Timestamp::as_microsecond));
        }
    }
}

/// The first of the seen events that the log does not have. One that was pruned does not count.
const UNKNOWN: &str = "WITH unknown AS (\
        SELECT seen.position FROM unnest($8::int8[], $9::uuid[]) AS seen (position, id) \
        LEFT JOIN {event} AS event ON event.position = seen.position \
        WHERE event.id <> seen.id OR seen.position > (SELECT coalesce(max(position), 0) FROM {event}) LIMIT 1), ";

/// The changes whose lease is held, if it is the log that was read. The lock of the lease makes a claim wait until they
/// are saved.
const HELD: &str = "held AS (\
        SELECT change.number, change.subscription, change.shard, change.token, change.checkpoint, \
            change.forget_done, change.ahead \
        FROM unnest($2::int4[], $3::int2[], $4::int8[], $5::int8[], $6::bool[], $7::text[]) WITH ORDINALITY \
            AS change (subscription, shard, token, checkpoint, forget_done, ahead, number) \
        JOIN {lease} AS lease ON lease.application = $1 \
            AND lease.shard = change.shard AND lease.token = change.token \
        WHERE NOT EXISTS (SELECT FROM unknown) \
        FOR SHARE OF lease), \
    moved AS (\
        INSERT INTO {checkpoint} (subscription, shard, position, ahead) \
        SELECT subscription, shard, checkpoint, ahead FROM held ORDER BY 1, 2 \
        ON CONFLICT (subscription, shard) DO UPDATE SET position = excluded.position, ahead = excluded.ahead)";

/// The statement sees the rows as they were before it, so what it parks and unparks is taken into account by hand.
const DELIVERIES: &str = ", \
    park AS (\
        SELECT held.subscription, held.shard, given.position, given.attempts, given.due, given.error, given.died_at \
        FROM unnest($10::int4[], $11::int8[], $12::int4[], $13::int8[], $14::text[], $32::int8[]) \
            AS given (change, position, attempts, due, error, died_at) \
        JOIN held ON held.number = given.change + 1), \
    unpark AS (\
        SELECT held.subscription, held.shard, given.position \
        FROM unnest($15::int4[], $16::int8[]) AS given (change, position) \
        JOIN held ON held.number = given.change + 1), \
    parked AS (\
        INSERT INTO {parked} (subscription, shard, position, attempts, due, error, died_at) \
        SELECT subscription, shard, position, attempts, \
            timestamptz 'epoch' + due * interval '1 microsecond', error, \
            timestamptz 'epoch' + died_at * interval '1 microsecond' FROM park \
        ON CONFLICT (subscription, shard, position) DO UPDATE \
        SET attempts = excluded.attempts, due = excluded.due, error = excluded.error, \
            died_at = excluded.died_at), \
    unparked AS (\
        DELETE FROM {parked} AS parked USING unpark WHERE parked.subscription = unpark.subscription \
        AND parked.shard = unpark.shard AND parked.position = unpark.position), \
    died AS (\
        INSERT INTO {dead} (subscription, position, attempts, error, at, {columns}) \
        SELECT held.subscription, given.position, given.attempts, given.error, \
            timestamptz 'epoch' + given.at * interval '1 microsecond', \
            given.id, given.key, given.version, given.shard, given.name, given.tenant, given.entity, \
            given.entity_id, given.context::json, given.payload::json \
        FROM unnest($17::int4[], $18::int8[], $19::int4[], $20::text[], $21::int8[], \
            $22::uuid[], $23::int8[], $24::int4[], $25::int2[], $26::text[], $27::text[], $28::text[], \
            $29::text[], $30::text[], $31::text[]) \
            AS given (change, position, attempts, error, at, {columns}) \
        JOIN held ON held.number = given.change + 1 \
        ON CONFLICT (subscription, position) DO UPDATE \
        SET attempts = excluded.attempts, error = excluded.error, died_at = excluded.died_at), \
    forgotten AS (\
        DELETE FROM {done} AS done USING held WHERE held.forget_done \
        AND done.subscription = held.subscription AND done.shard = held.shard \
        AND done.position <= held.checkpoint \
        AND NOT EXISTS (SELECT FROM park WHERE park.subscription = done.subscription \
            AND park.shard = done.shard AND park.position = done.position) \
        AND (EXISTS (SELECT FROM unpark WHERE unpark.subscription = done.subscription \
                AND unpark.shard = done.shard AND unpark.position = done.position) \
            OR NOT EXISTS (SELECT FROM {parked} AS parked WHERE parked.subscription = done.subscription \
                AND parked.shard = done.shard AND parked.position = done.position)))";

impl PostgresStore {
    /// Saves the changes whose lease is held, and returns these leases.
    pub(super) async fn save_columns(
        &self,
        columns: &Columns<'_>,
        seen: &[SeenEvent],
    ) -> Result<HashSet<Lease>, StoreError> {
        let deliveries =
            if columns.is_plain() { String::new() } else { DELIVERIES.replace("{columns}", EVENT) };
        let positions: Vec<_> = seen.iter().map(|it| position(it.position)).collect();
        let ids: Vec<_> = seen.iter().map(|it| it.id).collect();
        let sql = format!(
            "{UNKNOWN}{HELD}{deliveries} SELECT DISTINCT shard, token, NULL::int8, NULL::int8 FROM held \
             UNION ALL SELECT NULL, NULL, position, (SELECT coalesce(max(position), 0) FROM {{event}}) FROM unknown"
        );
        let mut query = sqlx::query(self.tables.names.sql(&sql))
            .bind(&self.tables.application)
            .bind(&columns.subscriptions)
            .bind(&columns.shards)
            .bind(&columns.tokens)
            .bind(&columns.checkpoints)
            .bind(&columns.forget_done)
            .bind(&columns.ahead)
            .bind(positions)
            .bind(ids);
        if !columns.is_plain() {
            query = columns.bind_deliveries(query);
        }
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.map_err(store_error)?;
        let unknown = |row: &PgRow| -> sqlx::Result<Option<StoreError>> {
            let Some(seen) = row.try_get::<Option<_>, _>(2)? else { return Ok(None) };
            let (end, seen) = (to_position(row.try_get(3)?), to_position(seen));
            Ok(Some(StoreError::WentBack { end, seen }))
        };
        let mut held = HashSet::new();
        for row in &rows {
            if let Some(error) = unknown(row).map_err(store_error)? {
                return Err(error);
            }
            held.insert(lease(row).map_err(store_error)?);
        }
        Ok(held)
    }
}

/// From a shard and a token.
fn lease(row: &PgRow) -> sqlx::Result<Lease> {
    let (shard, token): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Lease { shard: to_shard(shard), token: token.cast_unsigned() })
}
