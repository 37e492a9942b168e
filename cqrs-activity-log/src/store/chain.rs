//! Reading chains.

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::row::{BYTES, COLUMNS, hash};
use super::sql::{Columns, Statement, present};
use super::{Database, Row};
use crate::entry::EntryHash;

/// A place in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) sequence: i64,
    pub(crate) hash: EntryHash,
}

/// What is remembered of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) head: Link,
    /// When the head was recorded.
    pub(crate) head_recorded_at: i64,
    /// The last entry that retention has removed.
    pub(crate) base: Link,
}

/// What stands in the table, which may be anything.
#[derive(Debug)]
pub(crate) struct Found {
    /// 0, where it is no number.
    pub(crate) sequence: i64,
    pub(crate) id: Option<Uuid>,
    /// `None` where it has no form of a row.
    pub(crate) row: Option<Row>,
}

impl Link {
    /// Before the first entry.
    pub(crate) const ZERO: Self = Self { sequence: 0, hash: EntryHash::ZERO };

    pub(crate) fn of(row: &Row) -> Self {
        Self { sequence: row.sequence, hash: row.hash }
    }

    /// Of a row that begins with a sequence and a hash.
    pub(super) fn read(row: &dyn Columns) -> sqlx::Result<Self> {
        Ok(Self { sequence: present(row.number(0)?)?, hash: hash(row, 1)? })
    }
}

impl Chain {
    const EMPTY: Self = Self { head: Link::ZERO, head_recorded_at: 0, base: Link::ZERO };
}

impl Found {
    fn read(row: &dyn Columns) -> Self {
        let sequence = row.number(2).ok().flatten().unwrap_or(0);
        let id = row.id(1).ok().flatten();
        // SQLite finds and orders by its bytes only what is stored as bytes, and has the hash of both.
        let is_of_bytes = !BYTES.into_iter().any(|column| row.is_text(column).unwrap_or(true));
        let row = if is_of_bytes { Row::read(row).ok() } else { None };
        Self { sequence, id, row }
    }
}

impl Database {
    /// The tenant's chain; an empty one, where there is none.
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

    /// Up to `limit` tenants that have a chain, as their column is, in their order, which come after
    /// `tenant`.
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

    /// Up to `limit` of what has a sequence after `after` and up to `until`, in their order. Ids count only
    /// where somebody has removed what keeps sequences apart.
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

    /// The entry in this place.
    pub(crate) async fn link(&self, tenant: &str, sequence: i64) -> sqlx::Result<Option<Link>> {
        let sql =
            "SELECT sequence, hash FROM activity_entries WHERE tenant = ? AND sequence = ? LIMIT 1";
        let args = vec![tenant.into(), sequence.into()];
        let found = self.fetch(Statement::new(sql, args), Link::read).await?;
        Ok(found.into_iter().next())
    }

    /// How many entries the tenant has, and how many its chain has at the same moment.
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

    /// The first entry that is not between the chain's base and its head.
    pub(crate) async fn stray(&self, tenant: &str) -> sqlx::Result<Option<Found>> {
        // Both of the same moment, since others record and prune.
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

/// The scope of a column.
pub(crate) fn scope(tenant: &str) -> Option<TenantScope> {
    match tenant {
        "" => Some(TenantScope::System),
        id => id.parse().ok().map(TenantScope::Tenant),
    }
}
