//! Passwords: argon2id, away from the threads that serve requests.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::password_memory::PasswordMemory;
use crate::failure::Failure;

/// How many passwords are looked at at the same time, since each takes a thread and its memory.
const AT_ONCE: usize = 4;
/// How many wait for that. Whoever comes then is told to come again, instead of making all others wait.
const WAITING: usize = 64;
/// When to come again: those who wait are served by then.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(2);

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
    params: Params,
    places: Arc<Semaphore>,
    permits: Arc<Semaphore>,
    memory: Arc<PasswordMemory>,
    /// Of a password that nobody has.
    decoy: String,
}

/// A place among those whose password is looked at, or who wait for it.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Passwords {
    /// Passwords of this cost.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] when the cost is out of bounds.
    pub fn new(cost: PasswordCost) -> Result<Self, Failure> {
        let length = Some(Params::DEFAULT_OUTPUT_LEN);
        let params = Params::new(cost.memory, cost.passes, 1, length).map_err(internal)?;
        let decoy = phc(&params, Salt::generate(), &[0; Params::DEFAULT_OUTPUT_LEN])?;
        Ok(Self {
            params,
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            memory: Arc::default(),
            decoy: decoy.to_string(),
        })
    }

    /// To be asked for before anything else is done.
    ///
    /// # Errors
    ///
    /// [`Failure::Busy`] when too many wait already.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map(|permit| Place { _permit: permit }).map_err(|_| Failure::Busy(COME_AGAIN_AFTER))
    }

    /// What to store, as a [PHC string](https://github.com/P-H-C/phc-string-format).
    pub(super) async fn hash(&self, password: String, place: Place) -> Result<String, Failure> {
        let (params, memory) = (self.params.clone(), Arc::clone(&self.memory));
        self.on_a_blocking_thread(place, move || {
            let (salt, mut hash) = (Salt::generate(), [0; Params::DEFAULT_OUTPUT_LEN]);
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            memory.hash(&argon2, &password, &salt, &mut hash).map_err(internal)?;
            Ok(phc(argon2.params(), salt, &hash)?.to_string())
        })
        .await?
    }

    /// Whether `password` is the one that was stored; takes as long when nothing was.
    pub(super) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
        place: Place,
    ) -> Result<bool, Failure> {
        let memory = Arc::clone(&self.memory);
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        self.on_a_blocking_thread(place, move || {
            let stored = PasswordHash::new(&stored).map_err(internal)?;
            let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
                return Err(internal("what is stored is no hash"));
            };
            let params = Params::try_from(&stored).map_err(internal)?;
            let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(internal)?;
            let version = stored.version.map_or(Ok(Version::default()), Version::try_from);
            let argon2 = Argon2::new(algorithm, version.map_err(internal)?, params);
            let mut hash = vec![0; expected.len()];
            memory.hash(&argon2, &password, &salt, &mut hash).map_err(internal)?;
            // Outputs are compared in constant time.
            Ok(Output::new(&hash).map_err(internal)? == expected && is_known)
        })
        .await?
    }

    async fn on_a_blocking_thread<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(internal)?;
        // Permit and place go along: a caller that is gone does not stop what it began.
        let work = move || (work(), permit, place).0;
        tokio::task::spawn_blocking(work).await.map_err(internal)
    }
}

fn phc(params: &Params, salt: Salt, hash: &[u8]) -> Result<PasswordHash, Failure> {
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(internal)?,
        salt: Some(salt),
        hash: Some(Output::new(hash).map_err(internal)?),
    })
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::Internal(format!("a password cannot be looked at: {error}"))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    use tokio::task::JoinSet;

    use super::*;

    fn passwords() -> Arc<Passwords> {
        Arc::new(Passwords::new(PasswordCost { memory: 64, passes: 2 }).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_hashes_at_once_use_at_most_four_blocks_of_memory() {
        let passwords = passwords();
        assert_eq!(passwords.memory.blocks(), 0, "none before the first is needed");
        let mut all = JoinSet::new();
        for number in 0..AT_ONCE + WAITING {
            let (passwords, place) = (Arc::clone(&passwords), passwords.place().unwrap());
            all.spawn(async move {
                let password = format!("password {number}");
                let stored = passwords.hash(password.clone(), place).await.unwrap();
                (password, stored)
            });
        }
        let hashed = all.join_all().await;
        for (password, stored) in hashed {
            let verify = |password: &str| {
                let (password, stored) = (password.to_owned(), Some(stored.clone()));
                let place = passwords.place().unwrap();
                passwords.verify(password, stored, place)
            };
            assert!(verify(&password).await.unwrap());
            assert!(!verify("another").await.unwrap());
        }
        let blocks = passwords.memory.blocks();
        assert!((1..=AT_ONCE).contains(&blocks), "{blocks} blocks");
    }

    #[tokio::test]
    async fn what_is_stored_is_what_argon2_itself_stores() {
        let passwords = passwords();
        let place = || passwords.place().unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, passwords.params.clone());
        let ours = passwords.hash("correct horse".to_owned(), place()).await.unwrap();
        assert!(ours.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{ours}");
        assert!(argon2.verify_password(b"correct horse", ours.as_str()).is_ok());
        // With more memory than is set now.
        let costly = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        for argon2 in [argon2, costly] {
            let theirs = argon2.hash_password(b"correct horse").unwrap().to_string();
            let verify = |it: &str| passwords.verify(it.to_owned(), Some(theirs.clone()), place());
            assert!(verify("correct horse").await.unwrap());
            assert!(!verify("wrong horse").await.unwrap());
        }
        assert!(!passwords.verify("correct horse".to_owned(), None, place()).await.unwrap());
    }

    #[test]
    fn whoever_finds_the_waiting_room_full_is_told_to_come_again() {
        let passwords = passwords();
        let mut places: Vec<_> =
            (0..AT_ONCE + WAITING).map(|_| passwords.place().unwrap()).collect();
        assert!(matches!(passwords.place(), Err(Failure::Busy(_))));
        places.pop();
        assert!(passwords.place().is_ok(), "a place that was left can be taken");
    }
}
