//! Why retention could not be applied.

use cqrs_core::TenantScope;

use super::Pruned;
use crate::error::RecordError;

/// The retention could not be applied to every tenant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// These tenants could not be pruned; all others were.
    #[error("the retention could not be applied to {}", failures(.failed))]
    Tenants {
        /// What was removed.
        pruned: Pruned,
        /// The tenants, in their order, and why. Entries of them that were removed before are not counted.
        failed: Vec<(TenantScope, RecordError)>,
    },
    /// The tenants could not be read from the database. Entries that were removed before stay removed.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Names the first; there may be many.
fn failures(failed: &[(TenantScope, RecordError)]) -> String {
    let Some((tenant, error)) = failed.first() else { return "no tenant".to_owned() };
    match failed.len() - 1 {
        0 => format!("the tenant {tenant}: {error}"),
        more => format!("the tenant {tenant} and {more} more: {error}"),
    }
}
