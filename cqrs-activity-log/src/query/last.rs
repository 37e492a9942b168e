//! How far a tenant's chain reaches.

use cqrs_core::TenantScope;

use super::ReadError;
use crate::content::tenant_column;
use crate::store::{Database, Statement};

/// The sequence of the entry that was recorded last; 0, if there is none.
pub(crate) async fn last_sequence(
    database: &Database,
    tenant: &TenantScope,
) -> Result<u64, ReadError> {
    sequence(database, tenant, "SELECT head_sequence FROM activity_chains WHERE tenant = ?").await
}

/// The sequence of the last entry that retention has removed; 0, if there is none.
pub(super) async fn pruned_sequence(
    database: &Database,
    tenant: &TenantScope,
) -> Result<u64, ReadError> {
    sequence(database, tenant, "SELECT base_sequence FROM activity_chains WHERE tenant = ?").await
}

async fn sequence(
    database: &Database,
    tenant: &TenantScope,
    sql: &'static str,
) -> Result<u64, ReadError> {
    let statement = Statement::new(sql, vec![tenant_column(tenant).into()]);
    let found = database.fetch(statement, |row| row.number(0)).await?;
    let sequence = found.into_iter().next().flatten().unwrap_or(0);
    Ok(u64::try_from(sequence).unwrap_or(0))
}
