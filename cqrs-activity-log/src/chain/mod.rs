//! The chain that entries of a tenant form.

mod hash;

pub(crate) use self::hash::Hasher;
