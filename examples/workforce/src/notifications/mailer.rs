//! How it is sent.

use std::path::PathBuf;

use cqrs_core::{Context, HandlerError, HandlerResult};
use lettre::message::Mailbox;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::Email;
use super::answer::without_addresses;
use crate::db::{Db, DbError};

/// Where e-mails go.
#[derive(Debug, Clone)]
pub enum MailSettings {
    /// Into this folder, one `.eml` file each.
    Folder(PathBuf),
    /// To an SMTP server: `smtp://` or `smtps://`, with user and password if it needs them.
    Smtp(String),
}

/// Sends e-mails, each once for the event that it is about.
#[derive(Debug)]
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
    db: Db,
}

#[derive(Debug)]
enum Transport {
    Folder(AsyncFileTransport<Tokio1Executor>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// Makes the folder if it is not there. A server is not asked until there is something to send.
    ///
    /// # Errors
    ///
    /// [`MailError`] when there can be no folder, or the URL is malformed.
    pub fn new(settings: &MailSettings, from: Mailbox, db: Db) -> Result<Self, MailError> {
        let transport = match settings {
            MailSettings::Folder(folder) => {
                std::fs::create_dir_all(folder)
                    .map_err(|error| MailError::Folder { folder: folder.clone(), error })?;
                Transport::Folder(AsyncFileTransport::new(folder))
            }
            MailSettings::Smtp(url) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(MailError::SmtpUrl)?;
                Transport::Smtp(builder.build())
            }
        };
        Ok(Self { transport, from, db })
    }

    /// Sends what `handler` has to say about the event that `ctx` belongs to, unless it has been sent.
    ///
    /// Should the process die between sending and noting that, the e-mail is sent again, with the same
    /// `Message-ID`.
    ///
    /// # Errors
    ///
    /// [`MailError`]; nothing is noted then. It is permanent where another attempt would fail as well.
    pub async fn send_once(
        &self,
        ctx: &Context,
        handler: &'static str,
        email: Email,
    ) -> HandlerResult {
        let sent = self.send(ctx, handler, email).await;
        sent.map_err(|error| {
            let is_permanent = error.is_permanent();
            let error = HandlerError::from(error);
            if is_permanent { error.permanent() } else { error }
        })
    }

    async fn send(
        &self,
        ctx: &Context,
        handler: &'static str,
        email: Email,
    ) -> Result<(), MailError> {
        let id = format!("{handler}.{}", ctx.message_id());
        let recipient = email.to.clone();
        let message = email.compose(&self.from, &id)?;
        match &self.transport {
            Transport::Folder(folder) => drop(folder.send(message).await?),
            Transport::Smtp(server) => {
                let sent = server.send(message).await;
                sent.map_err(|error| MailError::refused(&error, &recipient))?;
            }
        }
        if let Some(tx) = self.db.once(ctx, handler).await? {
            tx.commit().await?;
        }
        Ok(())
    }

    /// Whether `handler` has sent what it has to say about the event that `ctx` belongs to.
    ///
    /// # Errors
    ///
    /// [`DbError`] when the database cannot say.
    pub async fn has_sent(&self, ctx: &Context, handler: &'static str) -> Result<bool, DbError> {
        self.db.is_handled(ctx, handler).await
    }
}

/// Why an e-mail is not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It is none.
    #[error("an e-mail cannot be composed: {0}")]
    Compose(#[from] lettre::error::Error),
    /// It has no recipient.
    #[error("an e-mail cannot be addressed: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// There is no folder for it.
    #[error("cannot make the folder `{}` for e-mails: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It cannot be written.
    #[error("an e-mail cannot be written: {0}")]
    File(#[from] lettre::transport::file::Error),
    /// The URL is malformed; it is not repeated, since it may hold a password.
    #[error("the SMTP URL is malformed: {0}; it is written `smtps://user:password@host:port`")]
    SmtpUrl(#[source] lettre::transport::smtp::Error),
    /// The server refused it or does not answer.
    #[error("an e-mail cannot be sent: {answer}")]
    Smtp {
        /// What it says, without addresses: this goes to the log.
        answer: String,
        /// Whether it would say so again.
        is_permanent: bool,
    },
    /// It cannot be noted.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl MailError {
    fn refused(error: &lettre::transport::smtp::Error, recipient: &str) -> Self {
        let answer = without_addresses(&error.to_string(), recipient);
        // 53x is about how we sign in there (RFC 4954, 6), which somebody can mend.
        let is_about_us = error.status().is_some_and(|code| u16::from(code) / 10 == 53);
        Self::Smtp { answer, is_permanent: error.is_permanent() && !is_about_us }
    }

    /// Whether another attempt would fail as well.
    fn is_permanent(&self) -> bool {
        match self {
            Self::Compose(_) | Self::Address(_) => true,
            Self::Smtp { is_permanent, .. } => *is_permanent,
            _ => false,
        }
    }
}
