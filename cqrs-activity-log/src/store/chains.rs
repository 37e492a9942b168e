//! Reading chains.

use uuid::Uuid;

use super::link::Link;
use super::row::{BYTES, COLUMNS, hash};
use super::sql::{Columns, Statement, present};
use super::{Database, Row};

/// The row of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) head: Link,
    /// When the head was recorded.
    pub(crate) head_recorded_at: i64,
    /// The last entry that retention has removed.
    pub(crate) base: Link,
}

/// A row of the table of entries, which may have been altered.
#[derive(Debug)]
pub(crate) struct Found {
    /// 0, if it is not a number.
    pub(crate) sequence: i64,
    pub(crate) id: Option<Uuid>,
    /// `None`, if it cannot be read as a row.
    pub(crate) row: Option<Row>,
}

impl Chain {
    const EMPTY: Self = Self { head: Link::ZERO, head_recorded_at: 0, base: Link::ZERO };
}

impl Found {
    fn read(row: &dyn Columns) -> Self {
        let sequence = row.number(2).ok().flatten().unwrap_or(0);
        let id = row.id(1).ok().flatten();
        // SQLite also reads a text as bytes, with the same hash, but does not find or order it as bytes.
        let is_of_bytes = !BYTES.into_iter().any(|column| row.is_text(column).unwrap_or(true));
        let row = if is_of_bytes { Row::read(row).ok() } else { None };
        Self { sequence, id, row }
    }
}

impl Database {
    /// The tenant's chain; an empty one, if it has none.
    pub(crate) async fn chain(&self, tenant: &str) -> sqlx::Result<Chain> {
        let sql = "SELECT head_sequence, head_hash, base_sequence, base_hash, head_recorded_at \
                   FROM activity_chains WHERE tenant = ?";
        let found = self
            .fetch(Statement::new(sql, vec![tenant.into()]), |row| {
                let head = Link { sequence: present(row.number(0)?)?, hash: hash(row, 1)? };
                let base = Link { sequence: present(row.number(2)?)?, hash: hash(row, 3)? };
                Ok(Chain { head, head_recorded_at: present(row.number(4)?)?, base })
            })
            .await?;
        Ok(found.into_iter().next().unwrap_or(Chain::EMPTY))
    }

    /// Up to `limit` columns of tenants that have a chain and come after `tenant`, in their order.
    pub(crate) async fn tenants_after(
        &self,
        tenant: Option<&str>,
        limit: u32,
    ) -> sqlx::Result<Vec<String>> {
        let (sql, mut args) = match tenant {
            None => ("SELECT tenant FROM activity_chains ORDER BY tenant LIMIT ?", Vec::new()),
            Some(tenant) => (
                "SELECT tenant FROM activity_chains WHERE tenant > ? ORDER BY tenant LIMIT ?",
                vec![tenant.into()],
            ),
        };
        args.push(i64::from(limit).into());
        self.fetch(Statement::new(sql, args), |row| present(row.text(0)?)).await
    }

    /// Up to `limit` rows with a sequence after `after` and up to `until`, in their order. The id decides only if
    /// the unique index of sequences was removed.
    pub(crate) async fn links(
        &self,
        tenant: &str,
        (after, until): (i64, i64),
        limit: u32,
    ) -> sqlx::Result<Vec<Found>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND sequence > ? AND sequence <= ? \
             ORDER BY sequence, id LIMIT ?"
        );
        let args = vec![tenant.into(), after.into(), until.into(), i64::from(limit).into()];
        self.fetch(Statement::new(sql, args), |row| Ok(Found::read(row))).await
    }

    /// The entry with this sequence.
    pub(crate) async fn link(&self, tenant: &str, sequence: i64) -> sqlx::Result<Option<Link>> {
        let sql =
            "SELECT sequence, hash FROM activity_entries WHERE tenant = ? AND sequence = ? LIMIT 1";
        let args = vec![tenant.into(), sequence.into()];
        let found = self.fetch(Statement::new(sql, args), Link::read).await?;
        Ok(found.into_iter().next())
    }

    /// How many entries the tenant has, and how many its chain has, at the same moment.
    pub(crate) async fn count(&self, tenant: &str) -> sqlx::Result<(i64, i64)> {
        let sql = "SELECT (SELECT count(*) FROM activity_entries WHERE tenant = ?), \
                   COALESCE((SELECT head_sequence FROM activity_chains WHERE tenant = ?), 0), \
                   COALESCE((SELECT base_sequence FROM activity_chains WHERE tenant = ?), 0)";
        let args = vec![tenant.into(); 3];
        let counted = self.fetch(Statement::new(sql, args), |row| {
            let (head, base) = (present(row.number(1)?)?, present(row.number(2)?)?);
            Ok((present(row.number(0)?)?, head.saturating_sub(base)))
        });
        counted.await?.pop().ok_or(sqlx::Error::RowNotFound)
    }

    /// The first row that is not between the chain's base and its head.
    pub(crate) async fn stray(&self, tenant: &str) -> sqlx::Result<Option<Found>> {
        // In one statement, because entries may be recorded and pruned meanwhile.
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND (sequence IS NULL \
             OR sequence <= COALESCE((SELECT base_sequence FROM activity_chains WHERE tenant = ?), 0) \
             OR sequence > COALESCE((SELECT head_sequence FROM activity_chains WHERE tenant = ?), 0)) \
             ORDER BY sequence LIMIT 1"
        );
        let found = self
            .fetch(Statement::new(sql, vec![tenant.into(); 3]), |row| Ok(Found::read(row)))
            .await?;
        Ok(found.into_iter().next())
    }
}
