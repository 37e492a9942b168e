//! Events as rows of SQLite.

use std::borrow::Cow;
use std::fmt::Write as _;

use cqrs_core::log::{LogEvent, LoggedEvent, StoreError, SubscriptionId};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, SqliteConnection};

use crate::convert::{shard, to_position, to_shard, to_timestamp};
use crate::names::Names;

/// The columns of [`bind`].
pub(super) const EVENT: &str =
    "id, name, version, shard, key, tenant, entity, entity_id, context, payload";

/// The columns of [`decode`].
pub(super) const LOGGED: &str = "position, at, id, name, version, shard, key, tenant, entity, entity_id, context, payload, \
     only_for";

/// How many rows one statement inserts. There are as many texts of it, and each is prepared once.
const ROWS: usize = 50;

/// # Errors
///
/// If a shard is none that the columns can keep.
pub(super) fn check_shards(events: &[&LogEvent]) -> Result<(), StoreError> {
    events.iter().try_for_each(|event| shard(event.shard).map(drop))
}

/// Inserts into the log, in order. Returns the position of the last event.
pub(super) async fn insert(
    names: &Names,
    connection: &mut SqliteConnection,
    events: &[&LogEvent],
) -> sqlx::Result<Option<i64>> {
    let mut last = None;
    for chunk in events.chunks(ROWS) {
        let mut sql = format!("INSERT INTO {{event}} ({EVENT}) VALUES ");
        for row in 0..chunk.len() {
            let comma = if row == 0 { "" } else { ", " };
            write!(sql, "{comma}(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").unwrap_or_default();
        }
        let query =
            chunk.iter().fold(sqlx::query(names.sql(&sql)), |query, event| bind(query, event));
        last = Some(query.execute(&mut *connection).await?.last_insert_rowid());
    }
    Ok(last)
}

pub(super) type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

pub(super) fn bind<'q>(query: SqliteQuery<'q>, event: &LogEvent) -> SqliteQuery<'q> {
    query
        .bind(event.id)
        .bind(&*event.name)
        .bind(i64::from(event.version))
        .bind(i64::from(event.shard))
        .bind(event.key.map(u64::cast_signed))
        .bind(event.tenant.as_deref())
        .bind(event.entity.as_deref())
        .bind(event.entity_id.as_deref())
        .bind(&*event.context)
        .bind(&*event.payload)
}

pub(super) fn decode(row: &SqliteRow) -> sqlx::Result<LoggedEvent> {
    let entity: Option<String> = row.try_get(8)?;
    Ok(LoggedEvent {
        position: to_position(row.try_get(0)?),
        at: to_timestamp(row.try_get(1)?),
        only_for: row.try_get::<Option<u32>, _>(12)?.map(SubscriptionId),
        event: LogEvent {
            id: row.try_get(2)?,
            name: Cow::Owned(row.try_get(3)?),
            version: row.try_get(4)?,
            shard: to_shard(row.try_get(5)?),
            key: row.try_get::<Option<i64>, _>(6)?.map(i64::cast_unsigned),
            tenant: row.try_get(7)?,
            entity: entity.map(Cow::Owned),
            entity_id: row.try_get(9)?,
            context: row.try_get(10)?,
            payload: row.try_get(11)?,
        },
    })
}

/// Rows of numbers, or of JSON values, as one JSON array of arrays, which one bind hands over. SQLite reads the numbers
/// as 64-bit integers.
pub(super) fn json<T: ToString, const N: usize>(rows: impl IntoIterator<Item = [T; N]>) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| format!("[{}]", row.map(|value| value.to_string()).join(",")))
        .collect();
    format!("[{}]", rows.join(","))
}
