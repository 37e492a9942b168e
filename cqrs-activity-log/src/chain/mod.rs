//! The chain that the entries of a tenant form: whoever alters, removes or inserts one breaks it.

mod hash;
mod head;
mod tampered;
mod verify;

pub(crate) use self::hash::Hasher;
pub use self::head::{Head, InvalidHead};
pub use self::tampered::{Tampered, VerifyError};
pub use self::verify::Verification;
