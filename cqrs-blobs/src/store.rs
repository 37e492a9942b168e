//! The store of blobs.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cqrs_core::Context;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};

use crate::key::key;
use crate::{BlobError, BlobRef};

/// Stores large data for messages in an [`ObjectStore`], separately for each tenant. A field of this type
/// is injected.
///
/// ```standalone_crate
/// use cqrs_blobs::{BlobRef, BlobStore};
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct DocumentUploaded {
///     #[event(entity_id)]
///     document_id: Uuid,
///     body: BlobRef, // about 150 bytes, for a body of any size
/// }
///
/// #[events_handler(DocumentUploaded)]
/// struct Index {
///     blobs: BlobStore,
/// }
///
/// impl EventHandler<DocumentUploaded> for Index {
///     async fn handle(&self, event: &DocumentUploaded, ctx: &Context) -> HandlerResult {
///         let body = self.blobs.get(ctx, &event.body).await?;
///         assert_eq!(body.len(), 1_000_000);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let blobs = BlobStore::memory();
/// let app = App::builder().provide(blobs.clone()).build()?;
///
/// let ctx = Context::for_tenant("acme")?;
/// let body = blobs.put(&ctx, vec![7; 1_000_000]).await?;
/// let event = DocumentUploaded { document_id: Uuid::now_v7(), body };
/// let outcomes = app.events().publish_and_wait(&ctx, event).await?;
/// assert!(outcomes[0].result.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// Cloning is cheap. Call it inside a Tokio runtime.
#[derive(Debug, Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    limit: usize,
}

impl BlobStore {
    /// The largest blob, in bytes, unless set: 64 MiB.
    pub const DEFAULT_LIMIT: usize = 64 * 1024 * 1024;

    /// Uses any object store, such as one with a [prefix](object_store::prefix::PrefixStore). It must support
    /// [`PutMode::Create`].
    pub fn new(objects: impl ObjectStore) -> Self {
        Self { objects: Arc::new(objects), limit: Self::DEFAULT_LIMIT }
    }

    /// Stores blobs in memory, as long as a clone of the store exists: for tests, and for applications
    /// whose events are in memory as well. The number of blobs has no limit.
    pub fn memory() -> Self {
        Self::new(InMemory::new())
    }

    /// Stores blobs in a directory, which several processes may share. If the directory does not exist, it
    /// is created, with access only for this user.
    ///
    /// ```text
    /// blobs/tenant-acme/0190b5a4-3f7e-7cc0-…       one blob, exactly as it was put
    /// blobs/tenant-acme/0190b5a4-3f7f-7d21-…#1     one that is being written
    /// blobs/system/0190b5a4-3f80-7a11-…            one of the system scope
    /// ```
    ///
    /// A file gets its name only after its content is on the disk, so a process that is killed leaves no
    /// incomplete blobs.
    ///
    /// # Errors
    ///
    /// [`BlobError::Failed`] if the path is not a directory, or cannot be created.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, BlobError> {
        let path = path.as_ref();
        let action = || format!("use {} for blobs", path.display());
        create_directory(path).map_err(|error| BlobError::failed(action(), error))?;
        let files = LocalFileSystem::new_with_prefix(path);
        let files = files.map_err(|error| BlobError::failed(action(), error))?;
        Ok(Self::new(files.with_fsync(true)))
    }

    /// Stores blobs in this bucket of S3. Region, credentials and endpoint are read from the environment
    /// (`AWS_REGION`, `AWS_ACCESS_KEY_ID` ..), or from the machine's role. For other settings, build an
    /// [`AmazonS3`](object_store::aws::AmazonS3) and give it to [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`BlobError::Failed`] if the settings are not complete. It is not checked whether the bucket exists.
    #[cfg(feature = "aws")]
    pub fn s3(bucket: &str) -> Result<Self, BlobError> {
        let builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket);
        let objects = builder.build();
        objects.map(Self::new).map_err(|error| {
            BlobError::failed(format!("use the bucket `{bucket}` for blobs"), error)
        })
    }

    /// Sets the largest blob, in bytes.
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Stores `bytes` for the context's tenant. If the store is durable, they are durable when this
    /// returns. An existing blob is never overwritten.
    ///
    /// Put first and publish second: a blob without its event only takes up space, but an event without its
    /// blob fails in every handler.
    ///
    /// If the returned future is dropped, the blob may be stored or not; its reference is unknown.
    ///
    /// # Errors
    ///
    /// [`BlobError`] if the blob is over the limit, or cannot be stored.
    pub async fn put(&self, ctx: &Context, bytes: impl Into<Bytes>) -> Result<BlobRef, BlobError> {
        let bytes = bytes.into();
        let (size, limit) = (bytes.len(), self.limit);
        if size > limit {
            return Err(BlobError::TooLarge { size, limit });
        }
        let hashed = bytes.clone();
        let reference = hashing(move || BlobRef::of(&hashed)).await?;
        let key = key(ctx.tenant(), reference.id);
        let put = self.objects.put_opts(&key, bytes.into(), PutMode::Create.into()).await;
        put.map_err(|error| BlobError::failed(format!("store a blob in {}", self.objects), error))?;
        Ok(reference)
    }

    /// Reads the bytes that were put. Size and content hash are checked. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`BlobError`] if the context's tenant has no such blob, if the content differs from what was put, or
    /// if it cannot be read.
    pub async fn get(&self, ctx: &Context, reference: &BlobRef) -> Result<Bytes, BlobError> {
        let failed = |error| self.explain("read", ctx, reference, error);
        let found = self.objects.get(&key(ctx.tenant(), reference.id)).await.map_err(failed)?;
        // The size is checked before the content is read, so that a damaged blob cannot use too much
        // memory.
        reference.verify_size(found.meta.size)?;
        let bytes = found.bytes().await.map_err(failed)?;
        let (expected, hashed) = (reference.clone(), bytes.clone());
        hashing(move || expected.verify(&hashed)).await??;
        Ok(bytes)
    }

    /// Deletes the blob, if it exists. Nothing is deleted automatically: delete a blob when no handler
    /// needs it any more, including a handler whose dead letter may be delivered again.
    ///
    /// If the returned future is dropped, the blob may be deleted or not.
    ///
    /// # Errors
    ///
    /// [`BlobError`] if it cannot be deleted.
    pub async fn delete(&self, ctx: &Context, reference: &BlobRef) -> Result<(), BlobError> {
        match self.objects.delete(&key(ctx.tenant(), reference.id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain("delete", ctx, reference, error)),
        }
    }

    fn explain(
        &self,
        verb: &str,
        ctx: &Context,
        reference: &BlobRef,
        error: object_store::Error,
    ) -> BlobError {
        let id = reference.id;
        if matches!(error, object_store::Error::NotFound { .. }) {
            return BlobError::NotFound { id, tenant: ctx.tenant().clone() };
        }
        BlobError::failed(format!("{verb} blob {id} in {}", self.objects), error)
    }
}

/// Hashes on a blocking thread, because a large blob would block the other tasks of this thread for a part
/// of a second.
async fn hashing<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BlobError::failed("hash a blob", error))
}

/// Creates a directory and its parents, with access only for this user. An existing one is not changed.
fn create_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}
