//! Reading entries.

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::row::COLUMNS;
use super::sql::{Arg, Statement};
use super::{Database, Order, Row};
use crate::content::tenant_column;

/// Which entries of a tenant are read, as SQL.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    sql: String,
    args: Vec<Arg>,
}

impl Conditions {
    /// Adds `sql`, with a `?` for each of `args`.
    pub(crate) fn and(mut self, sql: &'static str, args: impl IntoIterator<Item = Arg>) -> Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.args.extend(args);
        self
    }
}

impl Database {
    /// Up to `limit` entries in this order, after the [position](Order::position) `after`.
    pub(crate) async fn page(
        &self,
        tenant: &TenantScope,
        conditions: &Conditions,
        order: Order,
        after: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<Row>> {
        let (column, compare, direction) = match order {
            Order::NewestFirst => ("id", "<", "DESC"),
            Order::OldestFirst => ("id", ">", "ASC"),
            Order::AsRecorded => ("sequence", ">", "ASC"),
        };
        let mut sql = format!("SELECT {COLUMNS} FROM activity_entries WHERE tenant = ?");
        let mut args = vec![tenant_column(tenant).into()];
        sql.push_str(&conditions.sql);
        args.extend(conditions.args.iter().cloned());
        if let Some(after) = after {
            sql.push_str(&format!(" AND {column} {compare} ?"));
            args.push(match order {
                Order::NewestFirst | Order::OldestFirst => after.into(),
                Order::AsRecorded => i64::try_from(after.as_u128()).unwrap_or(i64::MAX).into(),
            });
        }
        sql.push_str(&format!(" ORDER BY {column} {direction} LIMIT ?"));
        args.push(i64::from(limit).into());
        self.fetch(Statement::new(sql, args), Row::read).await
    }

    /// The entry with this id.
    pub(crate) async fn entry(&self, tenant: &TenantScope, id: Uuid) -> sqlx::Result<Option<Row>> {
        let sql = format!("SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND id = ?");
        let args = vec![tenant_column(tenant).into(), id.into()];
        Ok(self.fetch(Statement::new(sql, args), Row::read).await?.pop())
    }

    /// Up to `limit` entries in the order of recording, after the one with this sequence.
    pub(crate) async fn recorded_after(
        &self,
        tenant: &TenantScope,
        sequence: u64,
        limit: u32,
    ) -> sqlx::Result<Vec<Row>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND sequence > ? \
             ORDER BY sequence LIMIT ?"
        );
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let args = vec![tenant_column(tenant).into(), sequence.into(), i64::from(limit).into()];
        self.fetch(Statement::new(sql, args), Row::read).await
    }
}
