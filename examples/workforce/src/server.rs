//! The product, put together and running.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cqrs_activity_log::ActivityLog;
use cqrs_core::app::StartError;
use cqrs_core::services::MissingService;
use cqrs_core::{App, AppBuilder, BuildError, Context, ShutdownReport};
use lettre::message::Mailbox;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, PublicUrl};
use crate::db::{Db, OpenError};
use crate::failure::Failure;
use crate::http::{Buses, Parts, router, serve, until};
use crate::integrations::github::ResumeGitHub;
use crate::integrations::turns::Turns;
use crate::integrations::upwork::UpworkImporter;
use crate::notifications::{MailError, Mailer};
use crate::users::{Passwords, Sessions};
use crate::{access, activity, demo};

/// How long a shutdown waits for requests that are being served; live pages never end by themselves.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(5);

/// How long it is known which events were handled; dead letters are gone when the process ends.
const INBOX_KEEPS: Duration = Duration::from_hours(30 * 24);

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    app: App,
    db: Db,
    log: ActivityLog,
    stop: watch::Sender<bool>,
    /// Who imports a file: that goes on when its client has gone.
    imports: Turns,
    serving: JoinHandle<()>,
    has_demo: bool,
}

impl Server {
    /// Opens the database, builds the application and listens.
    ///
    /// # Errors
    ///
    /// [`ServerError`] says what is missing, such as a port that is free.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        let listener = TcpListener::bind(&config.listen)
            .await
            .map_err(|error| ServerError::Listen { address: config.listen.clone(), error })?;
        let address = listener.local_addr().map_err(ServerError::Serve)?;
        let url = config.public_url.clone();
        let url = url.unwrap_or_else(|| PublicUrl::new(&format!("http://{address}")));

        let db = Db::open(&config.database).await?;
        db.forget_handled(INBOX_KEEPS).await.map_err(Failure::from)?;
        let log = activity::open(&config.database).await?;
        let app = application(&config, &db, &url, &log)?.build()?;
        app.start().await?;
        // Before the demo has deliveries of its own.
        let unread = app.commands().execute(&Context::system(), ResumeGitHub).await;
        let unread = unread.map_err(Failure::from)?;
        if unread > 0 {
            tracing::info!(unread, "deliveries from GitHub that were not read before the restart");
        }
        if config.demo {
            demo::fill(&app).await?;
        }
        let has_demo = config.demo && demo::is_there(&app).await?;
        let (stop, stopped) = watch::channel(false);
        let upwork_at_once = config.limits.upwork_at_once;
        let imports = Turns::new(upwork_at_once.div_ceil(2), upwork_at_once);
        let parts = Parts {
            activity: activity::routes(log.clone(), until(stopped.clone())),
            buses: Buses::of(&app),
            sessions: app.service::<Arc<Sessions>>()?,
            importer: app.service::<Arc<UpworkImporter>>()?,
            limits: config.limits,
            imports: imports.clone(),
            stopped: stopped.clone(),
            body_within: config.connections.body,
            url,
            demo: has_demo,
        };
        let serving = tokio::spawn(serve(listener, router(parts), config.connections, stopped));
        Ok(Self { address, app, db, log, stop, imports, serving, has_demo })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether there are demo users, who sign in by one click.
    pub fn has_demo(&self) -> bool {
        self.has_demo
    }

    /// The application behind it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Takes no more requests, ends those that run, and drains what they caused.
    ///
    /// # Errors
    ///
    /// [`ServerError::Serve`] when the server had failed before.
    pub async fn shutdown(mut self, timeout: Duration) -> Result<ShutdownReport, ServerError> {
        self.stop.send_replace(true);
        let served = async {
            let served = (&mut self.serving).await;
            self.imports.ended().await;
            served
        };
        let served = tokio::time::timeout(REQUESTS_END_WITHIN, served).await;
        self.serving.abort();
        let report = self.app.shutdown(timeout).await;
        self.log.close().await;
        self.db.close().await;
        match served {
            Ok(Err(error)) if error.is_panic() => Err(ServerError::Serve(io::Error::other(error))),
            _ => Ok(report),
        }
    }
}

/// The application without anything that listens; also what is described and checked.
///
/// # Errors
///
/// [`ServerError`] when e-mails can go nowhere, or passwords cannot be hashed at this cost.
pub fn application(
    config: &Config,
    db: &Db,
    url: &PublicUrl,
    log: &ActivityLog,
) -> Result<AppBuilder, ServerError> {
    let from: Mailbox = config
        .mail_from
        .parse()
        .map_err(|error| ServerError::MailFrom { address: config.mail_from.clone(), error })?;
    let mailer = Mailer::new(&config.mail, from, db.clone())?;
    Ok(App::builder()
        .plugin(log.clone())
        .provide(db.clone())
        .provide(url.clone())
        .provide(Arc::new(mailer))
        .provide(Arc::new(Passwords::new(config.password_cost)?))
        .middleware(access::rule()))
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nobody can listen there.
    #[error(
        "cannot listen on {address}: {error}; expected an address and a port that is free, such as \
         `127.0.0.1:3000`, or `127.0.0.1:0` for any"
    )]
    Listen {
        /// Where.
        address: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Serving failed.
    #[error("cannot serve: {0}")]
    Serve(#[source] io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The activity log cannot be opened.
    #[error("cannot open the activity log: {0}")]
    Activity(#[from] cqrs_activity_log::OpenError),
    /// E-mails can go nowhere.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// E-mails come from nobody.
    #[error(
        "`{address}` is nobody that an e-mail can be from: {error}; expected `Name <a@b.example>`"
    )]
    MailFrom {
        /// What was given.
        address: String,
        /// Why.
        #[source]
        error: lettre::address::AddressError,
    },
    /// The application is wired wrongly.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The application does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The application lacks a part.
    #[error(transparent)]
    Missing(#[from] MissingService),
    /// A command failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}
