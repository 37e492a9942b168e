//! Plain SQL: the same rows, with nothing around them.

use cqrs_core::log::LogEvent;
use sqlx::{Executor as _, PgPool, QueryBuilder, Row as _, SqlitePool};
use uuid::Uuid;

use crate::Result;

const INSERT: &str = "INSERT INTO plain_event \
    (id, key, version, shard, name, tenant, entity, entity_id, context, payload) ";

/// A table with the columns of the log, and one of a user.
#[derive(Clone)]
pub(crate) enum Floor {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same code for both databases: with the pool, the type of the database, and how a write begins.
macro_rules! on_both {
    ($floor:expr, $pool:ident, $database:ident, $begin:ident => $body:expr) => {
        match $floor {
            $crate::floor::Floor::Sqlite($pool) => {
                type $database = sqlx::Sqlite;
                let $begin = "BEGIN IMMEDIATE";
                $body
            }
            $crate::floor::Floor::Postgres($pool) => {
                type $database = sqlx::Postgres;
                let $begin = "BEGIN";
                $body
            }
        }
    };
}
pub(crate) use on_both;

/// Adds the values of a row.
macro_rules! values {
    ($insert:ident, $rows:expr) => {
        $insert.push_values($rows, |mut row, event: &LogEvent| {
            row.push_bind(Uuid::now_v7())
                .push_bind(event.key.map(u64::cast_signed))
                .push_bind(event.version.cast_signed())
                .push_bind(event.shard.cast_signed())
                .push_bind(event.name.to_string())
                .push_bind(event.tenant.clone())
                .push_bind(event.entity.as_ref().map(ToString::to_string))
                .push_bind(event.entity_id.clone())
                .push_bind(event.context.clone())
                .push_bind(event.payload.clone());
        })
    };
}

impl Floor {
    pub(crate) async fn create_tables(&self) -> Result {
        match self {
            Self::Sqlite(pool) => {
                pool.execute(
                    "CREATE TABLE IF NOT EXISTS plain_event (position INTEGER PRIMARY KEY, at INTEGER NOT NULL DEFAULT (unixepoch()), \
                     id BLOB NOT NULL, key INTEGER, version INTEGER NOT NULL, shard INTEGER NOT NULL, name TEXT NOT NULL, \
                     tenant TEXT, entity TEXT, entity_id TEXT, context TEXT NOT NULL, payload TEXT NOT NULL); \
                     CREATE TABLE IF NOT EXISTS plain_order (number INTEGER PRIMARY KEY, note TEXT NOT NULL);",
                )
                .await?;
            }
            Self::Postgres(pool) => {
                pool.execute(
                    "CREATE TABLE IF NOT EXISTS plain_event (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
                     at timestamptz NOT NULL DEFAULT clock_timestamp(), id uuid NOT NULL, key bigint, version integer NOT NULL, \
                     shard smallint NOT NULL, name text NOT NULL, tenant text, entity text, entity_id text, \
                     context text NOT NULL, payload text NOT NULL); \
                     CREATE TABLE IF NOT EXISTS plain_order (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL);",
                )
                .await?;
            }
        }
        Ok(())
    }

    /// One row, in a transaction of its own.
    pub(crate) async fn insert(&self, event: &LogEvent) -> Result {
        on_both!(self, pool, Db, _begin => {
            let mut insert = QueryBuilder::<Db>::new(INSERT);
            values!(insert, [event]);
            insert.build().execute(pool).await?;
            Ok(())
        })
    }

    /// So many rows in one statement and one transaction.
    pub(crate) async fn insert_batch(&self, event: &LogEvent, rows: usize) -> Result {
        on_both!(self, pool, Db, _begin => {
            let mut insert = QueryBuilder::<Db>::new(INSERT);
            values!(insert, std::iter::repeat_n(event, rows));
            insert.build().execute(pool).await?;
            Ok(())
        })
    }

    /// A transaction of a user that inserts so many rows.
    pub(crate) async fn orders(&self, inserts: u32) -> Result {
        on_both!(self, pool, Db, begin => {
            let mut tx = pool.begin_with(begin).await?;
            for _ in 0..inserts {
                let insert = "INSERT INTO plain_order (note) VALUES ($1)";
                sqlx::query::<Db>(insert).bind("two chairs and a table").execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }

    /// The rows of a user, in one statement and one transaction.
    pub(crate) async fn order_batch(&self, notes: &[&str]) -> Result {
        on_both!(self, pool, Db, begin => {
            let mut tx = pool.begin_with(begin).await?;
            let mut insert = QueryBuilder::<Db>::new("INSERT INTO plain_order (note) ");
            insert.push_values(notes, |mut row, note| { row.push_bind(*note); });
            insert.build().execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    /// Reads all rows, so many at once. Returns how many there are.
    pub(crate) async fn read_all(&self, page: i64) -> Result<usize> {
        let select = "SELECT position, id, key, version, shard, name, tenant, entity, entity_id, context, payload \
                      FROM plain_event WHERE position > $1 ORDER BY position LIMIT $2";
        on_both!(self, pool, Db, _begin => {
            let (mut last, mut count) = (0_i64, 0);
            loop {
                let rows = sqlx::query::<Db>(select).bind(last).bind(page).fetch_all(pool).await?;
                let Some(row) = rows.last() else { return Ok(count) };
                last = row.try_get(0)?;
                for row in &rows {
                    std::hint::black_box(LogEvent {
                        id: row.try_get(1)?,
                        key: row.try_get::<Option<i64>, _>(2)?.map(i64::cast_unsigned),
                        version: row.try_get::<i32, _>(3)?.cast_unsigned(),
                        shard: row.try_get::<i16, _>(4)?.cast_unsigned(),
                        name: row.try_get::<String, _>(5)?.into(),
                        tenant: row.try_get(6)?,
                        entity: row.try_get::<Option<String>, _>(7)?.map(Into::into),
                        entity_id: row.try_get(8)?,
                        context: row.try_get(9)?,
                        payload: row.try_get(10)?,
                    });
                }
                count += rows.len();
            }
        })
    }

    /// How many rows the server has read from the log, by its own statistics.
    pub(crate) async fn rows_read(&self) -> Result<Option<i64>> {
        let Self::Postgres(pool) = self else { return Ok(None) };
        let select = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables \
                      WHERE schemaname = current_schema() AND relname = 'cqrs_event'";
        Ok(Some(sqlx::query_scalar(select).fetch_one(pool).await?))
    }

    pub(crate) async fn close(&self) {
        on_both!(self, pool, _Db, _begin => pool.close().await);
    }
}
