//! What operators do with dead letters.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::dispatcher::Dispatcher;
use super::letters::{DeadLetter, DeadLetterFilter};

/// The dead letters of an application: for its operators, who see all tenants.
///
/// At most [`dead_letter_capacity`](crate::AppBuilder::dead_letter_capacity) are kept; beyond that the
/// oldest is dropped, logged and counted.
#[derive(Clone)]
pub struct DeadLetters(Arc<Dispatcher>);

impl DeadLetters {
    pub(crate) fn new(dispatcher: &Arc<Dispatcher>) -> Self {
        Self(Arc::clone(dispatcher))
    }

    /// The dead letters that match, oldest first.
    pub fn list(&self, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
        let kept = self.0.letters.kept();
        kept.letters.iter().filter(|letter| filter.matches(letter)).cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.letters.kept().letters.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were dropped because there were too many.
    pub fn dropped(&self) -> u64 {
        self.0.letters.kept().dropped
    }

    /// Delivers one again, with a full set of attempts. If it fails again, it is a new dead letter.
    ///
    /// # Errors
    ///
    /// [`RedeliverError`] when there is no such dead letter, or the application takes no more work; in
    /// the latter case it is kept.
    pub fn redeliver(&self, id: Uuid) -> Result<(), RedeliverError> {
        match self.redeliver_where(|letter| letter.id == id)? {
            0 => Err(RedeliverError::NoSuchDeadLetter(id)),
            _ => Ok(()),
        }
    }

    /// Delivers all that match again, oldest first, and returns how many there were.
    ///
    /// # Errors
    ///
    /// [`RedeliverError::ShutDown`] when the application takes no more work; all are kept.
    pub fn redeliver_all(&self, filter: &DeadLetterFilter) -> Result<usize, RedeliverError> {
        self.redeliver_where(|letter| filter.matches(letter))
    }

    /// Forgets one, and returns it if it is there.
    pub fn discard(&self, id: Uuid) -> Option<DeadLetter> {
        self.0.letters.kept().extract(|letter| letter.id == id).pop()
    }

    /// Forgets all that match and returns how many there were.
    pub fn discard_all(&self, filter: &DeadLetterFilter) -> usize {
        self.0.letters.kept().extract(|letter| filter.matches(letter)).len()
    }

    fn redeliver_where(
        &self,
        matches: impl Fn(&DeadLetter) -> bool,
    ) -> Result<usize, RedeliverError> {
        let lifecycle = &self.0.shared.lifecycle;
        let _admission = lifecycle.admit(false).ok_or(RedeliverError::ShutDown)?;
        let letters = self.0.letters.kept().extract(matches);
        let count = letters.len();
        let mut letters = letters.into_iter();
        while let Some(letter) = letters.next() {
            if self.0.redeliver(&letter.handler, &letter.event).is_err() {
                self.0.letters.add(letter);
                letters.for_each(|letter| self.0.letters.add(letter));
                return Err(RedeliverError::ShutDown);
            }
        }
        Ok(count)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A dead letter could not be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedeliverError {
    /// There is none with this id: it was redelivered, discarded, or dropped because there were too many.
    #[error("there is no dead letter {0}; it may have been redelivered or discarded already")]
    NoSuchDeadLetter(Uuid),
    /// The application takes no more work. The dead letter is kept.
    #[error("the application is shut down; the dead letter is kept")]
    ShutDown,
}
