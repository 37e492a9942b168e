//! The values that occur, to filter by.

use cqrs_core::{Context, TenantScope};
use serde::Serialize;

use super::ReadError;
use crate::content::tenant_column;
use crate::log::ActivityLog;
use crate::store::{Database, Statement};

/// The values that occur in a tenant's entries, in alphabetical order, to filter by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Facets {
    /// Types of entities.
    pub entities: Facet,
    /// Actions.
    pub actions: Facet,
    /// Organizations within the tenant.
    pub organizations: Facet,
}

/// The values of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Facet {
    /// The first [`Facet::MAX_VALUES`] of them.
    pub values: Vec<String>,
    /// Whether these are all.
    pub is_complete: bool,
}

impl Facet {
    /// How many values of one kind are listed.
    pub const MAX_VALUES: usize = 100;
}

impl ActivityLog {
    /// The values that occur in the tenant's entries, to filter by.
    ///
    /// Reads the index once for each value that it finds, however many entries have it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the database fails.
    pub async fn facets(&self, ctx: &Context) -> Result<Facets, ReadError> {
        let (database, tenant) = (self.database(), ctx.tenant());
        Ok(Facets {
            entities: facet(database, tenant, "entity_type").await?,
            actions: facet(database, tenant, "action").await?,
            organizations: facet(database, tenant, "organization").await?,
        })
    }
}

/// Goes from each value to the next larger one (a loose index scan). Neither database does that for a
/// `SELECT DISTINCT`.
async fn facet(
    database: &Database,
    tenant: &TenantScope,
    column: &'static str,
) -> Result<Facet, ReadError> {
    let sql = format!(
        "WITH RECURSIVE found(value) AS ( \
           SELECT MIN({column}) FROM activity_entries WHERE tenant = ? AND {column} > '' \
           UNION ALL \
           SELECT (SELECT MIN({column}) FROM activity_entries WHERE tenant = ? AND {column} > found.value) \
           FROM found WHERE found.value IS NOT NULL \
         ) SELECT value FROM found WHERE value IS NOT NULL LIMIT {limit}",
        limit = Facet::MAX_VALUES + 1,
    );
    let tenant = tenant_column(tenant);
    let statement = Statement::new(sql, vec![tenant.into(), tenant.into()]);
    let found = database.fetch(statement, |row| row.text(0)).await?;
    let mut values: Vec<String> = found.into_iter().flatten().collect();
    let is_complete = values.len() <= Facet::MAX_VALUES;
    values.truncate(Facet::MAX_VALUES);
    Ok(Facet { values, is_complete })
}
