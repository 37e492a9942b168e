//! Events as rows of Postgres.

use std::borrow::Cow;

use cqrs_core::log::{LogEvent, LoggedEvent, ScheduledEvent, StoreError, SubscriptionId};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _, ValueRef as _};
use uuid::Uuid;

use crate::convert::{shard, to_position, to_shard, to_timestamp};

/// The columns of [`Columns`], in its order.
pub(super) const EVENT: &str =
    "id, key, version, shard, name, tenant, entity, entity_id, context, payload";

/// The columns of [`decode`].
pub(super) const LOGGED: &str = "position, at, id, key, version, shard, name, tenant, entity, \
     entity_id, context::text, payload::text, only_for";

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// Events as one array for each column, so that one statement takes any number of them.
#[derive(Default)]
pub(super) struct Columns<'a> {
    ids: Vec<Uuid>,
    keys: Vec<Option<i64>>,
    versions: Vec<i32>,
    shards: Vec<i16>,
    names: Vec<&'a str>,
    tenants: Vec<Option<&'a str>>,
    entities: Vec<Option<&'a str>>,
    entity_ids: Vec<Option<&'a str>>,
    contexts: Vec<&'a str>,
    payloads: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(events: impl IntoIterator<Item = &'a LogEvent>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for event in events {
            columns.ids.push(event.id);
            columns.keys.push(event.key.map(u64::cast_signed));
            columns.versions.push(event.version.cast_signed());
            columns.shards.push(shard(event.shard)?);
            columns.names.push(&event.name);
            columns.tenants.push(event.tenant.as_deref());
            columns.entities.push(event.entity.as_deref());
            columns.entity_ids.push(event.entity_id.as_deref());
            columns.contexts.push(&event.context);
            columns.payloads.push(&event.payload);
        }
        Ok(columns)
    }

    pub(super) fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    /// Binds ten arrays.
    pub(super) fn bind<'q>(&self, query: PgQuery<'q>) -> PgQuery<'q> {
        query
            .bind(&self.ids)
            .bind(&self.keys)
            .bind(&self.versions)
            .bind(&self.shards)
            .bind(&self.names)
            .bind(&self.tenants)
            .bind(&self.entities)
            .bind(&self.entity_ids)
            .bind(&self.contexts)
            .bind(&self.payloads)
    }
}

/// From the columns [`LOGGED`], of which the first has this number.
pub(super) fn decode(row: &PgRow, first: usize) -> sqlx::Result<LoggedEvent> {
    let version: i32 = row.try_get(first + 4)?;
    let entity: Option<String> = row.try_get(first + 8)?;
    let only_for: Option<i32> = row.try_get(first + 12)?;
    Ok(LoggedEvent {
        position: to_position(row.try_get(first)?),
        at: time(row, first + 1)?.unwrap_or_default(),
        only_for: only_for.map(|it| SubscriptionId(it.cast_unsigned())),
        event: LogEvent {
            id: row.try_get(first + 2)?,
            key: row.try_get::<Option<i64>, _>(first + 3)?.map(i64::cast_unsigned),
            version: version.cast_unsigned(),
            shard: to_shard(row.try_get(first + 5)?),
            name: Cow::Owned(row.try_get(first + 6)?),
            tenant: row.try_get(first + 7)?,
            entity: entity.map(Cow::Owned),
            entity_id: row.try_get(first + 9)?,
            context: row.try_get(first + 10)?,
            payload: row.try_get(first + 11)?,
        },
    })
}

/// When an event is due, in microseconds since 1970. Before that, it is due in any case, and Postgres has no times
/// before the year 4713 BC.
pub(super) fn due(scheduled: &ScheduledEvent) -> i64 {
    scheduled.due.as_microsecond().max(0)
}

/// A `timestamptz`, which Postgres sends as microseconds since 2000.
pub(super) fn time(row: &PgRow, column: usize) -> sqlx::Result<Option<jiff::Timestamp>> {
    const YEAR_2000: i64 = 946_684_800_000_000;
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    let bytes = bytes.try_into().map_err(|_| sqlx::Error::Decode("not a time".into()))?;
    let microseconds = i64::from_be_bytes(bytes);
    Ok(Some(to_timestamp(microseconds.saturating_add(YEAR_2000))))
}
