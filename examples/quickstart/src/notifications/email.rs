//! Sending e-mails.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cqrs_core::prelude::*;

/// Sends e-mails.
pub trait EmailService: Send + Sync {
    /// Sends `email` only once for each [`key`](Email::key), even if it is called several times.
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), EmailError>>;
}

/// An e-mail.
#[derive(Clone)]
pub struct Email {
    /// Identifies this e-mail, also if it is sent again.
    pub key: Uuid,
    /// The recipient's address.
    pub to: String,
    /// What it is about.
    pub subject: String,
}

/// Why an e-mail was not sent. The text contains only the domain, because errors are logged.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// A temporary failure.
    #[error("{domain} asks to try again later")]
    Busy {
        /// The recipient's domain.
        domain: String,
    },
    /// A failure that may be temporary or permanent.
    #[error("{domain} does not answer")]
    NoAnswer {
        /// The recipient's domain.
        domain: String,
    },
}

/// A simulated mail server, with the accepted e-mails in an outbox. `busy.example` accepts an e-mail at the
/// second attempt, `down.example` never does.
#[derive(Default)]
pub struct LocalMail {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outbox: BTreeMap<Uuid, Email>,
    put_off: HashSet<Uuid>,
}

impl LocalMail {
    /// The e-mails that were sent, in the order in which they were caused.
    pub fn outbox(&self) -> Vec<Email> {
        self.state().outbox.values().cloned().collect()
    }

    fn deliver(&self, email: Email) -> Result<(), EmailError> {
        let mut state = self.state();
        let domain = match email.to.rsplit_once('@') {
            Some((_, domain)) => domain.to_owned(),
            None => String::new(),
        };
        match domain.as_str() {
            "down.example" => Err(EmailError::NoAnswer { domain }),
            "busy.example" if state.put_off.insert(email.key) => Err(EmailError::Busy { domain }),
            _ => {
                state.outbox.insert(email.key, email);
                Ok(())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EmailService for LocalMail {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), EmailError>> {
        Box::pin(async move { self.deliver(email) })
    }
}
