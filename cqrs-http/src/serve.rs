//! A server that stops without losing anything.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use cqrs_core::{App, ShutdownReport};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Serves requests on `listener` until ctrl-c or SIGTERM, and shuts `app` down after the last of them.
///
/// At the signal, no further connection is accepted, and each connection is closed after its current request. When
/// these requests are answered, the application finishes its work, as [`App::shutdown`] does. The process then may end.
///
/// Await the returned [`Serve`], after [`App::start`] if the application needs it. Handlers of requests find
/// the client's address as axum's `ConnectInfo<SocketAddr>`.
///
/// ```no_run
/// use axum::Router;
/// use cqrs_core::App;
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let app = App::builder().build()?;
///     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
///     let report = cqrs_http::serve(&app, Router::new(), listener).await?;
///     println!("{report}");
///     Ok(())
/// }
/// ```
pub fn serve(app: &App, router: Router, listener: TcpListener) -> Serve {
    Serve { app: app.clone(), router, listener, until: None, limit: Serve::DEFAULT_LIMIT }
}

/// A server that runs while it is awaited; see [`serve`].
///
/// # Errors
///
/// Awaiting it fails if the process cannot listen to signals, or if the listener fails.
#[must_use = "nothing is served until it is awaited"]
pub struct Serve {
    app: App,
    router: Router,
    listener: TcpListener,
    /// `None` for the signals of the process.
    until: Option<BoxFuture<()>>,
    limit: Duration,
}

impl Serve {
    /// How long the stop may take, unless [`within`](Self::within) says otherwise. Kubernetes kills a process 30
    /// seconds after its SIGTERM.
    pub const DEFAULT_LIMIT: Duration = Duration::from_secs(25);

    /// How long the stop may take: up to half of it for requests, and the rest for the application. Its plugins have
    /// [a limit of their own](cqrs_core::AppBuilder::plugin_timeout).
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Serves until `signal` completes, in place of ctrl-c and SIGTERM.
    pub fn until(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { until: Some(Box::pin(signal)), ..self }
    }

    async fn run(self) -> io::Result<ServeReport> {
        let signal = match self.until {
            Some(signal) => signal,
            None => stop_signal()?,
        };
        let (sender, stopping) = oneshot::channel();
        let until = async move {
            signal.await;
            tracing::info!("stopping: no further connection is accepted");
            let _ = sender.send(Instant::now());
        };
        let service = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(self.listener, service).with_graceful_shutdown(until);
        let mut serving = Box::pin(serving.into_future());
        let (mut requests_ended, mut used) = (true, Duration::ZERO);
        tokio::select! {
            ended = &mut serving => ended?,
            Ok(since) = stopping => {
                match timeout(self.limit / 2, serving).await {
                    Ok(ended) => ended?,
                    Err(_) => requests_ended = false,
                }
                used = since.elapsed();
            }
        }
        let application = self.app.shutdown(self.limit.saturating_sub(used)).await;
        Ok(ServeReport { requests_ended, application })
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<ServeReport>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// What a stop has finished, and what not.
#[derive(Debug, Clone)]
#[must_use = "look at `is_clean`, or log it: it says what was lost"]
#[non_exhaustive]
pub struct ServeReport {
    /// Whether each request that had begun was answered. Otherwise connections are still open; they end with the
    /// runtime.
    pub requests_ended: bool,
    /// What the application could not finish.
    pub application: ShutdownReport,
}

impl ServeReport {
    /// Whether everything was finished.
    pub fn is_clean(&self) -> bool {
        self.requests_ended && self.application.is_clean()
    }
}

impl fmt::Display for ServeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.requests_ended {
            f.write_str("requests were not answered in time; the application: ")?;
        }
        self.application.fmt(f)
    }
}

/// Completes at the first ctrl-c or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<BoxFuture<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(Box::pin(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }))
}

/// Completes at the first ctrl-c.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<BoxFuture<()>> {
    Ok(Box::pin(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }))
}
