//! The memory that passwords are hashed in.

use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, Block, Error};

/// Blocks of memory that are used again: an allocator keeps what was freed on every thread that ever
/// hashed a password, and a block is megabytes. There are never more than hashes at the same time.
#[derive(Default)]
pub(super) struct PasswordMemory(Mutex<Vec<Vec<Block>>>);

impl PasswordMemory {
    /// Hashes in a block that is free, or in a new one.
    pub(super) fn hash(
        &self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        hash: &mut [u8],
    ) -> Result<(), Error> {
        let mut block = self.free().pop().unwrap_or_default();
        let length = argon2.params().block_count();
        if block.len() < length {
            block.resize(length, Block::default());
        }
        let hashed =
            argon2.hash_password_into_with_memory(password.as_bytes(), salt, hash, &mut block);
        self.free().push(block);
        hashed
    }

    /// How many blocks there are while nobody hashes.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> usize {
        self.free().len()
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for PasswordMemory {
    /// What is in it is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordMemory").finish_non_exhaustive()
    }
}
