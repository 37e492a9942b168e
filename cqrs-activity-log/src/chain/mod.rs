//! Proof that nothing was altered.
//!
//! The entries of a tenant form a chain: each has a hash over its columns and the hash of the entry before it. If an
//! entry is altered, removed or inserted, a hash no longer fits.

mod head; // the end of a chain, to be kept elsewhere
mod tampered; // what verification finds
mod verify; // verification

pub use self::head::{Head, InvalidHead};
pub use self::tampered::{Tampered, VerifyError};
pub use self::verify::Verification;
pub use crate::entry::{EntryHash, InvalidHash};
