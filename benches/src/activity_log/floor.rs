//! Plain SQL: batched inserts and keyset selects, with nothing around them.

use std::path::Path;

use cqrs_activity_log::Entry;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgPool, Postgres, QueryBuilder, Row as _,
    Sqlite, SqlitePool,
};
use uuid::Uuid;

use crate::Result;

const COLUMNS: &str = "tenant, id, sequence, organization, actor_kind, actor_id, actor_name, behalf_kind, \
    behalf_id, behalf_name, action, entity_type, entity_id, entity_name, description, changes, data, \
    event_name, event_version, correlation_id, causation_id, occurred_at, recorded_at, outcome, hash";

/// How many rows a statement inserts; 500 at once were no faster.
const CHUNK: usize = 128;

/// A table with the log's columns and indexes.
pub(crate) trait Floor {
    /// In one transaction.
    async fn insert(&self, rows: &[PlainRow]) -> Result;
    async fn count(&self, tenant: &str) -> Result<usize>;
    /// A tenant's newest rows below this id, with all of their columns read.
    async fn newest(&self, tenant: &str, below: Uuid, limit: i64) -> Result<Vec<PlainRow>>;
}

/// A row in the types of the driver.
#[derive(Debug, Clone)]
pub(crate) struct PlainRow {
    pub(crate) tenant: String,
    pub(crate) id: Uuid,
    sequence: i64,
    organization: Option<String>,
    actor_kind: Option<String>,
    actor_id: Option<String>,
    actor_name: Option<String>,
    behalf: [Option<String>; 3],
    action: String,
    entity_type: String,
    entity_id: Option<String>,
    entity_name: Option<String>,
    description: String,
    changes: Option<String>,
    data: Option<String>,
    event_name: Option<String>,
    event_version: Option<i64>,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    occurred_at: i64,
    recorded_at: i64,
    outcome: String,
    hash: Vec<u8>,
}

impl PlainRow {
    /// The row that the log has for this entry.
    pub(crate) fn of(entry: &Entry) -> Self {
        let actor = entry.actor.as_ref();
        Self {
            tenant: entry.tenant.to_string(),
            id: entry.id,
            sequence: entry.sequence.cast_signed(),
            organization: entry.organization.clone(),
            actor_kind: actor.map(|_| "user".to_owned()),
            actor_id: actor.map(|actor| actor.id().to_owned()),
            actor_name: actor.and_then(|actor| actor.name()).map(str::to_owned),
            behalf: [None, None, None],
            action: entry.action.clone(),
            entity_type: entry.entity_type.clone(),
            entity_id: entry.entity_id.clone(),
            entity_name: entry.entity_name.clone(),
            description: entry.description.clone(),
            changes: None,
            data: entry.data.as_ref().map(ToString::to_string),
            event_name: entry.event_name.clone(),
            event_version: entry.event_version.map(i64::from),
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            occurred_at: entry.occurred_at.as_microsecond(),
            recorded_at: entry.recorded_at.as_microsecond(),
            outcome: entry.outcome.to_string(),
            hash: entry.hash.as_bytes().to_vec(),
        }
    }
}

pub(crate) struct SqliteFloor(SqlitePool);

impl SqliteFloor {
    /// In a file beside the log's, set up as the log sets up its own.
    pub(crate) async fn beside(log: &Path) -> Result<Self> {
        let mut of_log =
            sqlx::SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(log))
                .await?;
        let statements = sqlx::query(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'activity_entries' \
             AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC",
        );
        let statements = statements.fetch_all(&mut of_log).await?;
        let options = SqliteConnectOptions::new()
            .filename(log.with_file_name("floor.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16384");
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        for statement in statements {
            pool.execute(AssertSqlSafe(statement.try_get::<String, _>(0)?)).await?;
        }
        Ok(Self(pool))
    }
}

pub(crate) struct PostgresFloor(PgPool);

impl PostgresFloor {
    /// In a table beside the log's.
    pub(crate) async fn beside(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(2).connect(url).await?;
        let table = "CREATE TABLE floor_entries (LIKE activity_entries INCLUDING ALL)";
        pool.execute(table).await?;
        Ok(Self(pool))
    }

    pub(crate) async fn close(self) {
        self.0.close().await;
    }
}

macro_rules! floor {
    ($floor:ty, $database:ty, $table:literal) => {
        impl Floor for $floor {
            async fn insert(&self, rows: &[PlainRow]) -> Result {
                let mut tx = self.0.begin().await?;
                for chunk in rows.chunks(CHUNK) {
                    let insert = concat!("INSERT INTO ", $table, " (");
                    let mut insert = QueryBuilder::<$database>::new(format!("{insert}{COLUMNS}) "));
                    insert.push_values(chunk, |mut row, plain| {
                        let [behalf_kind, behalf_id, behalf_name] = plain.behalf.clone();
                        row.push_bind(plain.tenant.clone())
                            .push_bind(plain.id)
                            .push_bind(plain.sequence)
                            .push_bind(plain.organization.clone())
                            .push_bind(plain.actor_kind.clone())
                            .push_bind(plain.actor_id.clone())
                            .push_bind(plain.actor_name.clone())
                            .push_bind(behalf_kind)
                            .push_bind(behalf_id)
                            .push_bind(behalf_name)
                            .push_bind(plain.action.clone())
                            .push_bind(plain.entity_type.clone())
                            .push_bind(plain.entity_id.clone())
                            .push_bind(plain.entity_name.clone())
                            .push_bind(plain.description.clone())
                            .push_bind(plain.changes.clone())
                            .push_bind(plain.data.clone())
                            .push_bind(plain.event_name.clone())
                            .push_bind(plain.event_version)
                            .push_bind(plain.correlation_id)
                            .push_bind(plain.causation_id)
                            .push_bind(plain.occurred_at)
                            .push_bind(plain.recorded_at)
                            .push_bind(plain.outcome.clone())
                            .push_bind(plain.hash.clone());
                    });
                    insert.build().execute(&mut *tx).await?;
                }
                Ok(tx.commit().await?)
            }

            async fn count(&self, tenant: &str) -> Result<usize> {
                let mut select = QueryBuilder::<$database>::new("SELECT count(*) FROM ");
                select.push(concat!($table, " WHERE tenant = ")).push_bind(tenant.to_owned());
                let row = select.build().fetch_one(&self.0).await?;
                Ok(usize::try_from(row.try_get::<i64, _>(0)?)?)
            }

            async fn newest(&self, tenant: &str, below: Uuid, limit: i64) -> Result<Vec<PlainRow>> {
                let mut select = QueryBuilder::<$database>::new(format!("SELECT {COLUMNS} FROM "));
                select.push(concat!($table, " WHERE tenant = ")).push_bind(tenant.to_owned());
                select.push(" AND id < ").push_bind(below);
                select.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
                let rows = select.build().fetch_all(&self.0).await?;
                let read = rows.iter().map(|row| {
                    Ok(PlainRow {
                        tenant: row.try_get(0)?,
                        id: row.try_get(1)?,
                        sequence: row.try_get(2)?,
                        organization: row.try_get(3)?,
                        actor_kind: row.try_get(4)?,
                        actor_id: row.try_get(5)?,
                        actor_name: row.try_get(6)?,
                        behalf: [row.try_get(7)?, row.try_get(8)?, row.try_get(9)?],
                        action: row.try_get(10)?,
                        entity_type: row.try_get(11)?,
                        entity_id: row.try_get(12)?,
                        entity_name: row.try_get(13)?,
                        description: row.try_get(14)?,
                        changes: row.try_get(15)?,
                        data: row.try_get(16)?,
                        event_name: row.try_get(17)?,
                        event_version: row.try_get(18)?,
                        correlation_id: row.try_get(19)?,
                        causation_id: row.try_get(20)?,
                        occurred_at: row.try_get(21)?,
                        recorded_at: row.try_get(22)?,
                        outcome: row.try_get(23)?,
                        hash: row.try_get(24)?,
                    })
                });
                read.collect()
            }
        }
    };
}

floor!(SqliteFloor, Sqlite, "activity_entries");
floor!(PostgresFloor, Postgres, "floor_entries");
