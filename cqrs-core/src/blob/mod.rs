//! Where large data is kept, so that messages stay small: the message carries a reference (a claim check).

mod directory;
mod error;
mod memory;
mod reference;

use crate::context::Context;
use crate::handler::BoxFuture;

pub use self::directory::DirectoryBlobs;
pub use self::error::BlobError;
pub use self::memory::MemoryBlobs;
pub use self::reference::{BlobRef, InvalidMediaType};

/// The largest blob that the stores of this crate take, in bytes, unless told otherwise: 64 MiB.
pub const DEFAULT_BLOB_LIMIT: usize = 64 * 1024 * 1024;

/// Keeps large data for messages, each tenant's apart. Injected as `Arc<dyn BlobStore>`.
///
/// ```standalone_crate
/// use cqrs_core::prelude::*;
/// use cqrs_core::{BlobRef, BlobStore, MemoryBlobs};
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct DocumentUploaded {
///     #[event(entity_id)]
///     document_id: Uuid,
///     body: BlobRef, // a hundred bytes or so, whatever the body's size
/// }
///
/// #[events_handler(DocumentUploaded)]
/// struct Index {
///     blobs: Arc<dyn BlobStore>,
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
/// let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
/// let app = App::builder().provide(Arc::clone(&blobs)).build()?;
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
/// # Writing one
///
/// A store of your own (an object store, a table) makes references with [`BlobRef::of`], finds a blob by
/// the context's tenant *and* the reference's id, so that one tenant's reference is nothing to another,
/// and gives bytes back only after [`BlobRef::verify`].
pub trait BlobStore: Send + Sync + 'static {
    /// Keeps `bytes` for the context's tenant, durably once this returns, if the store is durable.
    ///
    /// Put first and publish second: a blob whose event was never published is unused space, an event
    /// without its blob is an error in every handler.
    ///
    /// Where the returned future is dropped, the blob may be kept or not; nobody has its reference.
    ///
    /// # Errors
    ///
    /// [`BlobError`] when it is over the store's limit, or cannot be kept. Nothing is kept then.
    fn put<'a>(
        &'a self,
        ctx: &'a Context,
        bytes: Vec<u8>,
    ) -> BoxFuture<'a, Result<BlobRef, BlobError>>;

    /// The bytes that were put, unchanged: size and content hash are compared. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`BlobError`] when the context's tenant has no such blob, when it is not what was put, or when it
    /// cannot be read.
    fn get<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<Vec<u8>, BlobError>>;

    /// Deletes the blob and says whether there was one. Nothing is deleted by itself: do so once no
    /// handler needs it any more, a handler of a dead letter that is delivered again included.
    ///
    /// Where the returned future is dropped, the blob may be deleted or not.
    ///
    /// # Errors
    ///
    /// [`BlobError`] when it cannot be deleted.
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<bool, BlobError>>;
}
