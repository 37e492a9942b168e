//! Reading entries.

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::row::COLUMNS;
use super::sql::{Arg, Statement};
use super::{Database, Row};
use crate::content::tenant_column;
use crate::entry::Entry;
use crate::error::ReadError;

/// In which order entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// What happened last comes first.
    #[default]
    NewestFirst,
    /// What happened first comes first.
    OldestFirst,
}

/// What entries must be like, besides being the tenant's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    sql: String,
    args: Vec<Arg>,
}

impl Conditions {
    /// Also `sql`, with a `?` for each of `args`.
    pub(crate) fn and(mut self, sql: &'static str, args: impl IntoIterator<Item = Arg>) -> Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.args.extend(args);
        self
    }
}

impl Database {
    /// Up to `limit` entries by time, as they are stored, which come after the one with the id `after`.
    pub(crate) async fn page(
        &self,
        tenant: &TenantScope,
        conditions: &Conditions,
        order: Order,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        let (compare, direction) = match order {
            Order::NewestFirst => ("<", "DESC"),
            Order::OldestFirst => (">", "ASC"),
        };
        let mut sql = format!("SELECT {COLUMNS} FROM activity_entries WHERE tenant = ?");
        let mut args = vec![tenant_column(tenant).into()];
        sql.push_str(&conditions.sql);
        args.extend(conditions.args.iter().cloned());
        if let Some(after) = after {
            sql.push_str(" AND id ");
            sql.push_str(compare);
            sql.push_str(" ?");
            args.push(after.into());
        }
        sql.push_str(" ORDER BY id ");
        sql.push_str(direction);
        sql.push_str(" LIMIT ?");
        args.push(i64::from(limit).into());
        Ok(self.fetch(Statement::new(sql, args), Row::read).await?)
    }

    /// The entry with this id.
    pub(crate) async fn entry(
        &self,
        tenant: &TenantScope,
        id: Uuid,
    ) -> Result<Option<Entry>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND id = ?");
        let args = vec![tenant_column(tenant).into(), id.into()];
        Ok(self.entries(Statement::new(sql, args)).await?.pop())
    }

    /// Up to `limit` entries in the order of recording, which come after the one with this sequence.
    pub(crate) async fn recorded_after(
        &self,
        tenant: &TenantScope,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND sequence > ? \
             ORDER BY sequence LIMIT ?"
        );
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let args = vec![tenant_column(tenant).into(), sequence.into(), i64::from(limit).into()];
        self.entries(Statement::new(sql, args)).await
    }

    async fn entries(&self, statement: Statement) -> Result<Vec<Entry>, ReadError> {
        self.fetch(statement, Row::read).await?.into_iter().map(Row::into_entry).collect()
    }
}
