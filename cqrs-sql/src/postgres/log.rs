//! The log in Postgres.

use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{Entry, EventLog, LoggedEvent, Position, Profile, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Row as _};

use super::PostgresStore;
use super::rows::{Columns, LOGGED, decode, due};
use super::tables::DoneColumns;
use crate::codes::{is_lost, store_error};
use crate::convert::{in_order, limit as rows_of, position, to_position};

/// How long an append waits for the server.
const CONNECT_FOR: Duration = Duration::from_secs(1);

/// What an append has done.
pub(super) struct Appended {
    first_position: i64,
    left_out: Vec<i32>,
    moved: i64,
}

impl EventLog for PostgresStore {
    fn profile(&self) -> Profile {
        self.profile
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        Box::pin(self.append_all(entries))
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            let page = self.page(after, limit).await?;
            if !page.has_outbox || page.events.len() >= limit {
                return page.checked(after);
            }
            self.append_all(&[]).await?;
            self.page(after, limit).await?.checked(after)
        })
    }

    fn read_others<'a>(
        &'a self,
        after: Position,
        end: Position,
        without: &'a [&'a str],
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT {LOGGED} FROM {{event}} WHERE position > $1 AND position <= $2 \
                 AND coalesce(tenant, '') <> ALL ($3) ORDER BY position LIMIT $4"
            );
            let rows = sqlx::query(self.tables.names.sql(&sql))
                .bind(position(after))
                .bind(position(end))
                .bind(without)
                .bind(rows_of(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(store_error)?;
            rows.iter().map(|row| decode(row, 0).map_err(store_error)).collect()
        })
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            let sql = format!("SELECT {LOGGED} FROM {{event}} WHERE position = ANY($1)");
            let wanted: Vec<_> = positions.iter().map(|it| position(*it)).collect();
            let query = sqlx::query(self.tables.names.sql(&sql)).bind(wanted);
            let rows = query.fetch_all(&self.pool).await.map_err(store_error)?;
            let events = rows.iter().map(|row| decode(row, 0)).collect::<Result<_, _>>();
            Ok(in_order(positions, events.map_err(store_error)?))
        })
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        Box::pin(async move {
            let sql = "SELECT coalesce(min(position), 1), coalesce(max(position), 0), \
                       EXISTS (SELECT FROM {outbox}) FROM {event}";
            let read = || async {
                let query = sqlx::query_as::<_, (i64, i64, bool)>(self.tables.names.sql(sql));
                query.fetch_one(&self.pool).await.map_err(store_error)
            };
            let mut range = read().await?;
            // What was committed belongs to the log.
            if range.2 {
                self.append_all(&[]).await?;
                range = read().await?;
            }
            Ok(to_position(range.0)..=to_position(range.1))
        })
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.news.notified())
    }
}

/// What one statement reads.
struct Page {
    events: Vec<LoggedEvent>,
    end: Position,
    has_outbox: bool,
}

impl Page {
    fn checked(self, after: Position) -> Result<Vec<LoggedEvent>, StoreError> {
        if after > self.end {
            return Err(StoreError::WentBack { end: self.end, seen: after });
        }
        Ok(self.events)
    }
}

impl PostgresStore {
    pub(super) async fn append_all(
        &self,
        entries: &[Entry],
    ) -> Result<Vec<Option<Position>>, StoreError> {
        let events = entries.iter().flat_map(|entry| {
            entry.events.iter().chain(entry.scheduled.iter().map(|scheduled| &scheduled.event))
        });
        let columns = Columns::of(events)?;
        let seen = self.seen.load(Ordering::Relaxed);
        let mut connection = self.connection().await.map_err(store_error)?;
        let appended = match self.call(&mut connection, entries, &columns).await {
            Ok(appended) => appended,
            Err(CallError::Store(error)) => return Err(error),
            Err(CallError::Database(error)) if is_lost(&error) && !columns.ids().is_empty() => {
                connection.close_on_drop();
                drop(connection);
                return self.find_out(entries, columns.ids(), seen, error).await;
            }
            Err(CallError::Database(error)) => return Err(store_error(error)),
        };
        drop(connection);
        let mut next = to_position(appended.first_position);
        let mut firsts = Vec::with_capacity(entries.len());
        for (number, entry) in (0..).zip(entries) {
            let is_in = !appended.left_out.contains(&number);
            firsts.push(is_in.then_some(next));
            if is_in {
                next = Position(next.0 + entry.events.len() as u64);
            }
        }
        self.saw(position(next) - 1);
        if appended.moved > 0 || next > to_position(appended.first_position) {
            self.tell();
        }
        Ok(firsts)
    }

    /// A connection to append with. The pool tries to connect for longer than publishers may wait.
    async fn connection(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        let mut acquiring = pin!(self.pool.acquire());
        loop {
            tokio::select! {
                biased;
                acquired = &mut acquiring => return acquired,
                () = tokio::time::sleep(CONNECT_FOR) => {}
            }
            // If all connections are in use, one of them will be free: then this caller keeps its turn.
            if self.pool.size() < self.pool.options().get_max_connections() {
                return Err(sqlx::Error::PoolTimedOut);
            }
        }
    }

    /// There is news for readers.
    pub(super) fn tell(&self) {
        self.news.notify_waiters();
        self.notifications.send();
    }

    /// Moves the outbox and appends, in one round trip and one transaction.
    pub(super) async fn call(
        &self,
        connection: &mut PgConnection,
        entries: &[Entry],
        columns: &Columns<'_>,
    ) -> Result<Appended, CallError> {
        let (mut done_entries, mut done) = (Vec::new(), DoneColumns::default());
        let mut entry_of = Vec::with_capacity(columns.ids().len());
        let mut dues = Vec::new();
        for (number, entry) in (0_i32..).zip(entries) {
            if !entry.scheduled.is_empty() {
                dues.resize(entry_of.len() + entry.events.len(), None);
                dues.extend(entry.scheduled.iter().map(|scheduled| Some(due(scheduled))));
            }
            let count = entry.events.len() + entry.scheduled.len();
            entry_of.resize(entry_of.len() + count, number);
            for row in &entry.done {
                done_entries.push(number);
                done.push(row)?;
            }
        }
        let sql = "SELECT first_position, left_out, moved FROM {append}($1, $2, $3, $4, $5, $6, $7, \
                   $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
        let query = sqlx::query(self.tables.names.sql(sql))
            .bind(&self.tables.application)
            .bind(&done_entries)
            .bind(&done.subscriptions)
            .bind(&done.shards)
            .bind(&done.tokens)
            .bind(&done.positions)
            .bind(&done.events)
            .bind(&entry_of);
        let row = columns.bind(query).bind(&dues).fetch_one(connection).await?;
        Ok(Appended {
            first_position: row.try_get(0)?,
            left_out: row.try_get(1)?,
            moved: row.try_get(2)?,
        })
    }

    /// One statement, one snapshot: what it does not find in the outbox, it finds in the log.
    async fn page(&self, after: Position, limit: usize) -> Result<Page, StoreError> {
        let sql = format!(
            "SELECT log.end_position, log.has_outbox, page.* FROM (SELECT \
             (SELECT coalesce(max(position), 0) FROM {{event}}) AS end_position, \
             EXISTS (SELECT FROM {{outbox}}) AS has_outbox) log \
             LEFT JOIN (SELECT {LOGGED} FROM {{event}} WHERE position > $1 ORDER BY position LIMIT $2) page \
             ON true ORDER BY page.position"
        );
        let rows = sqlx::query(self.tables.names.sql(&sql))
            .bind(position(after))
            .bind(rows_of(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        let decoded = || {
            let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            let (end, has_outbox): (i64, bool) = (first.try_get(0)?, first.try_get(1)?);
            let is_event = |row: &&sqlx::postgres::PgRow| {
                row.try_get::<Option<i64>, _>(2).is_ok_and(|position| position.is_some())
            };
            let events = rows.iter().filter(is_event).map(|row| decode(row, 2));
            let events: Vec<_> = events.collect::<sqlx::Result<_>>()?;
            // Not the highest one: after a failover the log may end earlier.
            self.seen.store(end, Ordering::Relaxed);
            Ok(Page { events, end: to_position(end), has_outbox })
        };
        decoded().map_err(store_error)
    }
}

pub(super) enum CallError {
    Store(StoreError),
    Database(sqlx::Error),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Store(error) => error,
            CallError::Database(error) => store_error(error),
        }
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for CallError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
