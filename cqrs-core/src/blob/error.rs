//! Why a blob was not kept or not given back.

use std::error::Error;

use uuid::Uuid;

use crate::context::TenantScope;

/// Why a blob was not kept, not given back or not deleted.
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
    /// A store of bounded size has no room.
    #[error(
        "a blob of {size} bytes finds no room: {used} of {capacity} bytes are in use; delete blobs that \
         are done with, or raise the capacity with `with_capacity`"
    )]
    Full {
        /// The blob's size in bytes.
        size: usize,
        /// What is in use, in bytes.
        used: usize,
        /// What can be in use, in bytes.
        capacity: usize,
    },
    /// This tenant has no such blob. It was deleted, or never stored here, or is another tenant's, which
    /// is not told apart.
    #[error(
        "`{tenant}` has no blob {id} in this store; was it deleted, or put with another context?"
    )]
    NotFound {
        /// The reference's id.
        id: Uuid,
        /// For whom it was looked up.
        tenant: TenantScope,
    },
    /// What is stored is not what was put.
    #[error("blob {id} is not what was put: {reason}; restore it from a backup")]
    Corrupt {
        /// The reference's id.
        id: Uuid,
        /// How it differs.
        reason: String,
    },
    /// The store itself failed: a disk, a network, a missing runtime.
    #[error("cannot {action}: {error}")]
    Failed {
        /// What it was about to do, such as "read blob 0190b5a4-…".
        action: String,
        /// What went wrong.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
}

impl BlobError {
    /// The store failed at `action`, which begins with a verb: "read blob 0190b5a4-…".
    pub fn failed(
        action: impl Into<String>,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { action: action.into(), error: error.into() }
    }
}
