//! A claim check for applications of [`cqrs_core`]: a [`BlobStore`] stores large data, and the message
//! carries a [`BlobRef`].
//!
//! The store is one of [`object_store`]: memory, a directory, S3 (feature `aws`), or any other. This crate
//! adds what messages need: a key for each tenant and blob, a content hash, and a limit.

mod error;
mod key;
mod media_type;
mod reference;
mod store;

pub use object_store;

pub use self::error::BlobError;
pub use self::media_type::InvalidMediaType;
pub use self::reference::BlobRef;
pub use self::store::BlobStore;
