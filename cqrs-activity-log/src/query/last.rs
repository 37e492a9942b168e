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
    let sql = "SELECT head_sequence FROM activity_chains WHERE tenant = ?";
    let statement = Statement::new(sql, vec![tenant_column(tenant).into()]);
    let found = database.fetch(statement, |row| row.number(0)).await?;
    let sequence = found.into_iter().next().flatten().unwrap_or(0);
    Ok(u64::try_from(sequence).unwrap_or(0))
}
