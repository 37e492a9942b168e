//! Reading chains.

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::row::{COLUMNS, hash};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) head: Link,
    /// The last entry that retention has removed.
    pub(crate) base: Link,
}

/// What stands in the table, which may be anything.
#[derive(Debug)]
pub(crate) struct Found {
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

impl Found {
    fn read(row: &dyn Columns) -> sqlx::Result<Self> {
        let sequence = present(row.number(2)?)?;
        Ok(Self { sequence, id: row.id(1).ok().flatten(), row: Row::read(row).ok() })
    }
}

impl Database {
    /// The tenant's chain; an empty one, where there is none.
    pub(crate) async fn chain(&self, tenant: &str) -> sqlx::Result<Chain> {
        let sql = "SELECT head_sequence, head_hash, base_sequence, base_hash FROM activity_chains \
                   WHERE tenant = ?";
        let found = self
            .fetch(Statement::new(sql, vec![tenant.into()]), |row| {
                let head = Link { sequence: present(row.number(0)?)?, hash: hash(row, 1)? };
                let base = Link { sequence: present(row.number(2)?)?, hash: hash(row, 3)? };
                Ok(Chain { head, base })
            })
            .await?;
        Ok(found.into_iter().next().unwrap_or(Chain { head: Link::ZERO, base: Link::ZERO }))
    }

    /// Up to `limit` tenants that have a chain, in their order, which come after `tenant`.
    pub(crate) async fn tenants_after(
        &self,
        tenant: Option<&TenantScope>,
        limit: u32,
    ) -> sqlx::Result<Vec<TenantScope>> {
        let (sql, mut args) = match tenant {
            None => ("SELECT tenant FROM activity_chains ORDER BY tenant LIMIT ?", Vec::new()),
            Some(tenant) => (
                "SELECT tenant FROM activity_chains WHERE tenant > ? ORDER BY tenant LIMIT ?",
                vec![crate::content::tenant_column(tenant).into()],
            ),
        };
        args.push(i64::from(limit).into());
        let scope = |row: &dyn Columns| {
            let tenant = present(row.text(0)?)?;
            scope(&tenant).ok_or_else(|| sqlx::Error::Decode("a tenant is none".into()))
        };
        self.fetch(Statement::new(sql, args), scope).await
    }

    /// Up to `limit` of what comes after this sequence and id, in the order of both. Ids count only where
    /// somebody has removed what keeps sequences apart.
    pub(crate) async fn links_after(
        &self,
        tenant: &str,
        (sequence, id): (i64, Uuid),
        limit: u32,
    ) -> sqlx::Result<Vec<Found>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND (sequence, id) > (?, ?) \
             ORDER BY sequence, id LIMIT ?"
        );
        let args = vec![tenant.into(), sequence.into(), id.into(), i64::from(limit).into()];
        self.fetch(Statement::new(sql, args), Found::read).await
    }

    /// The entry in this place.
    pub(crate) async fn link(&self, tenant: &str, sequence: i64) -> sqlx::Result<Option<Link>> {
        let sql =
            "SELECT sequence, hash FROM activity_entries WHERE tenant = ? AND sequence = ? LIMIT 1";
        let args = vec![tenant.into(), sequence.into()];
        let found = self.fetch(Statement::new(sql, args), Link::read).await?;
        Ok(found.into_iter().next())
    }

    /// The first entry that is not between the chain's base and its head.
    pub(crate) async fn stray(&self, tenant: &str, chain: &Chain) -> sqlx::Result<Option<Found>> {
        let select =
            format!("SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND sequence");
        let before = format!("{select} <= ? ORDER BY sequence LIMIT 1");
        let args = vec![tenant.into(), chain.base.sequence.into()];
        let found = self.fetch(Statement::new(before, args), Found::read).await?;
        if let Some(stray) = found.into_iter().next() {
            return Ok(Some(stray));
        }
        // The head of the same moment, since others record.
        let after = format!(
            "{select} > COALESCE((SELECT head_sequence FROM activity_chains WHERE tenant = ?), 0) \
             ORDER BY sequence LIMIT 1"
        );
        let args = vec![tenant.into(), tenant.into()];
        Ok(self.fetch(Statement::new(after, args), Found::read).await?.into_iter().next())
    }
}

/// The scope of a column.
pub(crate) fn scope(tenant: &str) -> Option<TenantScope> {
    match tenant {
        "" => Some(TenantScope::System),
        id => id.parse().ok().map(TenantScope::Tenant),
    }
}
