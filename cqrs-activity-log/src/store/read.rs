//! Reading entries.

use cqrs_core::TenantScope;
use uuid::Uuid;

use super::row::COLUMNS;
use super::sql::{Arg, Columns, Statement, placeholders, present};
use super::{Database, Order, Row};
use crate::content::tenant_column;

/// What a search looks at: the texts in one, with a line break after each.
const SEARCHED: &str = "id, sequence, occurred_at, outcome, description || '\n' || action || '\n' || entity_type \
     || '\n' || COALESCE(entity_id, '') || '\n' || COALESCE(entity_name, '') || '\n' || COALESCE(actor_id, '') \
     || '\n' || COALESCE(actor_name, '')";

/// What a search looks at of an entry.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: Uuid,
    pub(crate) sequence: i64,
    pub(crate) occurred_at: i64,
    pub(crate) outcome: String,
    pub(crate) text: String,
}

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
        let statement = ordered(COLUMNS, tenant, conditions, order, after, limit);
        self.fetch(statement, Row::read).await
    }

    /// As [`page`](Self::page), what a search looks at.
    pub(crate) async fn candidates(
        &self,
        tenant: &TenantScope,
        conditions: &Conditions,
        order: Order,
        after: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<Candidate>> {
        let statement = ordered(SEARCHED, tenant, conditions, order, after, limit);
        self.fetch(statement, Candidate::read).await
    }

    /// The entries with these ids that are there, in no order.
    pub(crate) async fn entries(
        &self,
        tenant: &TenantScope,
        ids: &[Uuid],
    ) -> sqlx::Result<Vec<Row>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM activity_entries WHERE tenant = ? AND id IN {}",
            placeholders(1, ids.len()),
        );
        let mut args = vec![tenant_column(tenant).into()];
        args.extend(ids.iter().map(|id| Arg::from(*id)));
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

impl Candidate {
    fn read(row: &dyn Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: present(row.id(0)?)?,
            sequence: present(row.number(1)?)?,
            occurred_at: present(row.number(2)?)?,
            outcome: present(row.text(3)?)?,
            text: present(row.text(4)?)?,
        })
    }
}

/// Reads up to `limit` entries in this order.
fn ordered(
    columns: &str,
    tenant: &TenantScope,
    conditions: &Conditions,
    order: Order,
    after: Option<Uuid>,
    limit: u32,
) -> Statement {
    let (column, compare, direction) = match order {
        Order::NewestFirst => ("id", "<", "DESC"),
        Order::OldestFirst => ("id", ">", "ASC"),
        Order::AsRecorded => ("sequence", ">", "ASC"),
    };
    let mut sql = format!("SELECT {columns} FROM activity_entries WHERE tenant = ?");
    let mut args = vec![tenant_column(tenant).into()];
    sql.push_str(&conditions.sql);
    args.extend(conditions.args.iter().cloned());
    if let Some(after) = after {
        sql.extend([" AND ", column, " ", compare, " ?"]);
        args.push(match order {
            Order::NewestFirst | Order::OldestFirst => after.into(),
            Order::AsRecorded => i64::try_from(after.as_u128()).unwrap_or(i64::MAX).into(),
        });
    }
    sql.extend([" ORDER BY ", column, " ", direction, " LIMIT ?"]);
    args.push(i64::from(limit).into());
    Statement::new(sql, args)
}
