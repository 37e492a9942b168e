//! How often somebody may try a password.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How many attempts one account allows in a [`WINDOW`].
const LIMIT: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// How many accounts are remembered. When all are recent, a new one takes the place of an old one.
const CAPACITY: usize = 10_000;

/// Counts attempts to sign in, account by account.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Attempt>>);

#[derive(Debug, Clone, Copy)]
struct Attempt {
    began: Instant,
    count: u32,
}

impl Attempts {
    /// Counts one more attempt at `account`.
    pub(super) fn count(&self, account: &str) -> Result<(), Failure> {
        let now = Instant::now();
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= CAPACITY && !attempts.contains_key(account) {
            make_room(&mut attempts, now);
        }
        let fresh = Attempt { began: now, count: 0 };
        let attempt = attempts.entry(account.to_owned()).or_insert(fresh);
        if now - attempt.began >= WINDOW {
            *attempt = fresh;
        }
        attempt.count = attempt.count.saturating_add(1);
        if attempt.count > LIMIT {
            return Err(Failure::TooMany(WINDOW.saturating_sub(now - attempt.began)));
        }
        Ok(())
    }

    /// Forgets an account: it was its owner.
    pub(super) fn forget(&self, account: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

fn make_room(attempts: &mut HashMap<String, Attempt>, now: Instant) {
    attempts.retain(|_, attempt| now - attempt.began < WINDOW);
    if attempts.len() >= CAPACITY {
        let oldest = attempts.iter().min_by_key(|(_, attempt)| attempt.began);
        if let Some(account) = oldest.map(|(account, _)| account.clone()) {
            attempts.remove(&account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_closed_for_a_while_and_others_are_not() {
        let attempts = Attempts::default();
        for _ in 0..LIMIT {
            attempts.count("ada").unwrap();
        }
        assert!(matches!(attempts.count("ada"), Err(Failure::TooMany(_))));
        attempts.count("grace").unwrap();
        attempts.forget("ada");
        attempts.count("ada").unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for account in 0..CAPACITY + 100 {
            attempts.count(&account.to_string()).unwrap();
        }
        assert_eq!(attempts.0.lock().unwrap().len(), CAPACITY);
    }
}
