//! Passwords: argon2id, away from the threads that serve requests.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// How many passwords are looked at at the same time, since each takes a thread and its memory.
const AT_ONCE: usize = 4;

/// How much work a password is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB; at least 8.
    pub memory: u32,
    /// How often the memory is passed over; at least 1.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// What [OWASP](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html)
    /// recommends: 19 MiB, two passes.
    fn default() -> Self {
        Self { memory: 19 * 1024, passes: 2 }
    }
}

/// Hashes and verifies passwords.
#[derive(Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    /// Of a password that nobody has.
    decoy: String,
}

impl Passwords {
    /// Passwords of this cost.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] when the cost is out of bounds.
    pub fn new(cost: PasswordCost) -> Result<Self, Failure> {
        let params = Params::new(cost.memory, cost.passes, 1, None).map_err(internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = argon2.hash_password(b"a password that nobody has").map_err(internal)?;
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { argon2, permits, decoy: decoy.to_string() })
    }

    /// What to store, as a [PHC string](https://github.com/P-H-C/phc-string-format).
    pub(super) async fn hash(&self, password: String) -> Result<String, Failure> {
        let argon2 = self.argon2.clone();
        self.on_a_blocking_thread(move || {
            let hash = argon2.hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(internal)
        })
        .await?
    }

    /// Whether `password` is the one that was stored; takes as long when nothing was.
    pub(super) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, Failure> {
        let argon2 = self.argon2.clone();
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        self.on_a_blocking_thread(move || {
            let stored = PasswordHash::new(&stored).map_err(internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &stored).is_ok() && is_known)
        })
        .await?
    }

    async fn on_a_blocking_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(internal)?;
        // The permit goes along: a caller that is gone does not stop what it began.
        let work = move || (work(), permit).0;
        tokio::task::spawn_blocking(work).await.map_err(internal)
    }
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::Internal(format!("a password cannot be looked at: {error}"))
}
