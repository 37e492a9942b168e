//! Errors of blob stores.

use std::error::Error;

use cqrs_core::TenantScope;
use uuid::Uuid;

/// Why a blob was not stored, not read or not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The blob is over the store's limit.
    #[error(
        "a blob of {size} bytes is over the limit of {limit}; store it in parts, or raise the limit with \
         `with_limit`"
    )]
    TooLarge {
        /// The blob's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// This tenant has no such blob. The error is the same whether the blob was deleted, was never stored
    /// here, or is another tenant's.
    #[error(
        "`{tenant}` has no blob {id} in this store; was it deleted, or put with another context?"
    )]
    NotFound {
        /// The reference's id.
        id: Uuid,
        /// The tenant for which it was looked up.
        tenant: TenantScope,
    },
    /// The stored content differs from the content that was put.
    #[error("blob {id} is not what was put: {reason}; restore it from a backup")]
    Corrupt {
        /// The reference's id.
        id: Uuid,
        /// How it differs.
        reason: String,
    },
    /// The store itself failed: a disk, a network, missing credentials.
    #[error("cannot {action}: {error}")]
    Failed {
        /// What the store was asked to do, such as "read blob 0190b5a4-…".
        action: String,
        /// What went wrong.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
}

impl BlobError {
    pub(crate) fn failed(
        action: impl Into<String>,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { action: action.into(), error: error.into() }
    }
}
