//! What there is to filter by.

use cqrs_core::{Context, TenantScope};
use serde::Serialize;

use crate::content::tenant_column;
use crate::error::ReadError;
use crate::log::ActivityLog;
use crate::store::{Database, Statement};

/// How many values of one kind [`Facets`] holds at most.
pub const MAX_FACET_VALUES: usize = 100;

/// What a tenant's entries can be filtered by: the values that occur, in alphabetical order.
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
    /// The first [`MAX_FACET_VALUES`] of them.
    pub values: Vec<String>,
    /// Whether these are all.
    pub is_complete: bool,
}

impl ActivityLog {
    /// What the tenant's entries can be filtered by.
    ///
    /// Looks at the index once for each value that it finds, however many entries have it.
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

/// From each value to the next larger one: a loose scan of the column's index, which neither database
/// makes of a `SELECT DISTINCT`.
async fn facet(
    database: &Database,
    tenant: &TenantScope,
    column: &'static str,
) -> Result<Facet, ReadError> {
    let sql = format!(
        "WITH RECURSIVE found(value) AS ( \
           SELECT MIN({column}) FROM activity_entries WHERE tenant = ? AND {column} IS NOT NULL \
           UNION ALL \
           SELECT (SELECT MIN({column}) FROM activity_entries WHERE tenant = ? AND {column} > found.value) \
           FROM found WHERE found.value IS NOT NULL \
         ) SELECT value FROM found WHERE value IS NOT NULL LIMIT {limit}",
        limit = MAX_FACET_VALUES + 1,
    );
    let tenant = tenant_column(tenant);
    let statement = Statement::new(sql, vec![tenant.into(), tenant.into()]);
    let found = database.fetch(statement, |row| row.text(0)).await?;
    let mut values: Vec<String> = found.into_iter().flatten().collect();
    let is_complete = values.len() <= MAX_FACET_VALUES;
    values.truncate(MAX_FACET_VALUES);
    Ok(Facet { values, is_complete })
}
