//! Blobs in memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{BlobError, BlobRef, BlobStore, DEFAULT_BLOB_LIMIT};
use crate::context::{Context, TenantScope};
use crate::handler::BoxFuture;

/// What a blob costs besides its bytes, so that a million empty ones are not free.
const OVERHEAD: usize = 128;

/// Keeps blobs in memory: for tests, and for applications whose events live in memory as well.
///
/// Bounded: 64 MiB for one blob and 256 MiB for all, unless told otherwise.
///
/// ```
/// use cqrs_core::{BlobError, BlobStore, Context, MemoryBlobs};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let blobs = MemoryBlobs::new().with_limit(10);
/// let acme = Context::for_tenant("acme")?;
/// let reference = blobs.put(&acme, b"small".to_vec()).await?;
/// assert_eq!(blobs.get(&acme, &reference).await?, b"small");
///
/// let other = Context::for_tenant("other")?;
/// let not_theirs = blobs.get(&other, &reference).await;
/// assert!(matches!(not_theirs, Err(BlobError::NotFound { .. })));
/// let too_large = blobs.put(&acme, b"not so small".to_vec()).await;
/// assert!(matches!(too_large, Err(BlobError::TooLarge { size: 12, limit: 10 })));
/// # Ok(())
/// # }
/// ```
pub struct MemoryBlobs {
    limit: usize,
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    blobs: FxHashMap<(TenantScope, Uuid), Arc<[u8]>>,
    used: usize,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        let capacity = 4 * DEFAULT_BLOB_LIMIT;
        Self { limit: DEFAULT_BLOB_LIMIT, capacity, kept: Mutex::default() }
    }

    /// The largest blob, in bytes: 64 MiB unless set.
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The size of all blobs together, in bytes, each counted with 128 bytes more: 256 MiB unless set.
    pub fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    fn keep(&self, tenant: &TenantScope, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let size = bytes.len();
        if size > self.limit {
            return Err(BlobError::TooLarge { size, limit: self.limit });
        }
        // Hashing takes its time, and needs no lock.
        let reference = BlobRef::of(&bytes);
        let blob = Arc::from(bytes);
        let mut kept = self.lock();
        let used = kept.used.saturating_add(size).saturating_add(OVERHEAD);
        if used > self.capacity {
            return Err(BlobError::Full { size, used: kept.used, capacity: self.capacity });
        }
        kept.used = used;
        kept.blobs.insert((tenant.clone(), reference.id()), blob);
        Ok(reference)
    }

    fn read(&self, tenant: &TenantScope, reference: &BlobRef) -> Result<Vec<u8>, BlobError> {
        let key = (tenant.clone(), reference.id());
        let Some(blob) = self.lock().blobs.get(&key).cloned() else {
            let (tenant, id) = key;
            return Err(BlobError::NotFound { id, tenant });
        };
        reference.verify(&blob)?;
        Ok(blob.to_vec())
    }

    fn remove(&self, tenant: &TenantScope, reference: &BlobRef) -> bool {
        let mut kept = self.lock();
        let removed = kept.blobs.remove(&(tenant.clone(), reference.id()));
        if let Some(blob) = &removed {
            kept.used -= blob.len() + OVERHEAD;
        }
        removed.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self::new()
    }
}

impl BlobStore for MemoryBlobs {
    fn put<'a>(
        &'a self,
        ctx: &'a Context,
        bytes: Vec<u8>,
    ) -> BoxFuture<'a, Result<BlobRef, BlobError>> {
        Box::pin(async move { self.keep(ctx.tenant(), bytes) })
    }

    fn get<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<Vec<u8>, BlobError>> {
        Box::pin(async move { self.read(ctx.tenant(), reference) })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<bool, BlobError>> {
        Box::pin(async move { Ok(self.remove(ctx.tenant(), reference)) })
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        let (blobs, used) = (kept.blobs.len(), kept.used);
        f.debug_struct("MemoryBlobs").field("blobs", &blobs).field("used", &used).finish()
    }
}
