//! What became of an append whose connection was lost.

use std::collections::HashMap;
use std::time::Duration;

use cqrs_core::log::{Entry, Position, StoreError};
use tokio::time::Instant;
use uuid::Uuid;

use super::PostgresStore;
use crate::codes::store_error;
use crate::convert::to_position;

/// How long the answer is looked for while the server is away.
const LOOK_FOR: Duration = Duration::from_secs(30);

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl PostgresStore {
    /// What [`append`](cqrs_core::log::EventLog::append) returns after its connection was lost with `error`, while the
    /// log had `seen` positions before. If the server does not come back in time, the error is returned, although
    /// the append may have taken effect.
    pub(super) async fn find_out(
        &self,
        entries: &[Entry],
        ids: &[Uuid],
        seen: i64,
        error: sqlx::Error,
    ) -> Result<Vec<Option<Position>>, StoreError> {
        let until = Instant::now() + LOOK_FOR;
        loop {
            match self.look_for(ids, seen).await {
                Ok(found) if found.is_empty() => return Err(store_error(error)),
                Ok(found) => {
                    self.tell();
                    let first = |entry: &Entry| found.get(&entry.events.first()?.id).copied();
                    return Ok(entries.iter().map(first).collect());
                }
                Err(again) if Instant::now() >= until => {
                    tracing::warn!(%again, "it is not known whether events were appended");
                    return Err(store_error(error));
                }
                Err(_) => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
            }
        }
    }

    /// First waits for the lock behind the lost statement, which the server may still be running.
    async fn look_for(&self, ids: &[Uuid], seen: i64) -> sqlx::Result<HashMap<Uuid, Position>> {
        let mut connection = self.pool.acquire().await?;
        let looking = async {
            let lock = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s'; \
                        LOCK TABLE {append_lock} IN EXCLUSIVE MODE; COMMIT";
            sqlx::raw_sql(self.tables.names.sql(lock)).execute(&mut *connection).await?;
            let sql = "SELECT id, position FROM {event} WHERE position > $1 AND id = ANY($2) \
                       UNION ALL SELECT id, 0 FROM {scheduled} WHERE id = ANY($2)";
            let query = sqlx::query_as(self.tables.names.sql(sql)).bind(seen).bind(ids);
            query.fetch_all(&mut *connection).await
        };
        let found: sqlx::Result<Vec<(Uuid, i64)>> = looking.await;
        match found {
            Ok(found) => {
                Ok(found.into_iter().map(|(id, position)| (id, to_position(position))).collect())
            }
            Err(error) => {
                connection.close_on_drop();
                Err(error)
            }
        }
    }
}
