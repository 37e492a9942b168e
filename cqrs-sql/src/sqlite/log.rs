//! The log in SQLite.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{
    Entry, EventLog, LogEvent, LoggedEvent, Position, Profile, ScheduledEvent, StoreError,
};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::rows::{LOGGED, check_shards, decode, insert, json};
use crate::codes::store_error;
use crate::convert::{in_order, limit as rows_of, position, to_position};

impl EventLog for SqliteStore {
    fn profile(&self) -> Profile {
        self.profile
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        Box::pin(async move {
            let events: Vec<_> = entries.iter().flat_map(|entry| &entry.events).collect();
            check_shards(&events)?;
            let seen = self.seen.load(Ordering::Relaxed);
            let appended = self.append_all(entries, seen).await?;
            self.news.notify_waiters();
            Ok(appended)
        })
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT {LOGGED} FROM {{event}} WHERE position > ? ORDER BY position LIMIT ?"
            );
            let rows = sqlx::query(self.tables.names.sql(&sql))
                .bind(position(after))
                .bind(rows_of(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(store_error)?;
            let events: Vec<_> =
                rows.iter().map(decode).collect::<Result<_, _>>().map_err(store_error)?;
            if let Some(last) = events.last() {
                self.saw(position(last.position));
            } else {
                let end = *self.range().await?.end();
                if after > end {
                    return Err(StoreError::WentBack { end, seen: after });
                }
            }
            Ok(events)
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
                "SELECT {LOGGED} FROM {{event}} WHERE position > ? AND position <= ? \
                 AND coalesce(tenant, '') NOT IN (SELECT value ->> 0 FROM json_each(?)) \
                 ORDER BY position LIMIT ?"
            );
            let rows = sqlx::query(self.tables.names.sql(&sql))
                .bind(position(after))
                .bind(position(end))
                .bind(json(without.iter().map(|tenant| [tenant])))
                .bind(rows_of(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(store_error)?;
            rows.iter().map(|row| decode(row).map_err(store_error)).collect()
        })
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT {LOGGED} FROM {{event}} \
                 WHERE position IN (SELECT value ->> 0 FROM json_each(?))"
            );
            let rows = sqlx::query(self.tables.names.sql(&sql))
                .bind(json(positions.iter().map(|it| [position(*it)])))
                .fetch_all(&self.readers)
                .await
                .map_err(store_error)?;
            let events = rows.iter().map(decode).collect::<Result<_, _>>().map_err(store_error)?;
            Ok(in_order(positions, events))
        })
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        Box::pin(async move {
            // Two subqueries, because SQLite looks up only one of them in an index otherwise.
            let sql =
                "SELECT (SELECT min(position) FROM {event}), (SELECT max(position) FROM {event})";
            let row = sqlx::query(self.tables.names.sql(sql)).fetch_one(&self.readers).await;
            let range = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            let (first, last): (Option<i64>, Option<i64>) = range.map_err(store_error)?;
            Ok(to_position(first.unwrap_or(1))..=to_position(last.unwrap_or(0)))
        })
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        // Registered now, so that what happens before the first poll counts.
        let own = self.news.notified();
        Box::pin(async move {
            tokio::select! {
                () = own => {}
                () = self.watch.changed() => self.news.notify_waiters(),
            }
        })
    }
}

impl SqliteStore {
    async fn append_all(
        &self,
        entries: &[Entry],
        seen: i64,
    ) -> Result<Vec<Option<Position>>, StoreError> {
        let mut tx = self.write().await.map_err(store_error)?;
        let mut is_in = Vec::with_capacity(entries.len());
        for entry in entries {
            is_in.push(self.tables.write_done(&mut tx, &entry.done).await.map_err(store_error)?);
        }
        let kept = || entries.iter().zip(&is_in).filter(|(_, is_in)| **is_in).map(|(it, _)| it);
        let events: Vec<_> = kept().flat_map(|entry| &entry.events).collect();
        let last = insert(&self.tables.names, &mut tx, &events).await.map_err(store_error)?;
        let scheduled: Vec<_> = kept().flat_map(|entry| &entry.scheduled).collect();
        self.tables.schedule(&mut tx, &scheduled).await?;
        let last = match last {
            Some(last) => last,
            None => self.last(&mut tx).await.map_err(store_error)?,
        };
        if let Err(error) = tx.commit().await
            && !self.is_there(&events, &scheduled, seen).await
        {
            return Err(store_error(error));
        }
        self.saw(last);
        let mut next = to_position(last).0 + 1 - events.len() as u64;
        let firsts = entries.iter().zip(is_in).map(|(entry, is_in)| {
            is_in.then(|| {
                let first = Position(next);
                next += entry.events.len() as u64;
                first
            })
        });
        Ok(firsts.collect())
    }

    pub(super) async fn last(&self, connection: &mut SqliteConnection) -> sqlx::Result<i64> {
        let sql = "SELECT coalesce(max(position), 0) FROM {event}";
        sqlx::query_scalar(self.tables.names.sql(sql)).fetch_one(connection).await
    }

    /// Whether a commit that has failed has taken effect: SQLite may have written it before it failed to tell.
    async fn is_there(
        &self,
        events: &[&LogEvent],
        scheduled: &[&ScheduledEvent],
        seen: i64,
    ) -> bool {
        let first = events.first().copied().or(scheduled.first().map(|first| &first.event));
        let Some(first) = first else { return false };
        // What was scheduled may be in the log already.
        let sql = "SELECT EXISTS (SELECT 1 FROM {event} WHERE position > ?1 AND id = ?2) \
                   OR EXISTS (SELECT 1 FROM {scheduled} WHERE id = ?2)";
        let found = sqlx::query_scalar(self.tables.names.sql(sql))
            .bind(seen)
            .bind(first.id)
            .fetch_one(&self.readers)
            .await;
        found.unwrap_or(false)
    }
}
