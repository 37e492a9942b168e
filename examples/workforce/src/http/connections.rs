//! Connections: how many there are at once, and how long one may keep the server waiting.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::steady::Steady;

/// What a client may take of the server by being slow, or by saying nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How many connections there are at once; others wait until one of them ends.
    pub most: u16,
    /// How long a request's head may take, counted from when its connection is idle: also how long a
    /// connection may be idle.
    pub head: Duration,
    /// How long a request's body may keep the server waiting, all pauses of its sender taken together.
    pub body: Duration,
    /// How long a client may take nothing of an answer that is there to be taken. An answer as a whole may
    /// take any time.
    pub answer: Duration,
}

impl Default for ConnectionLimits {
    /// 512 connections; 30 seconds for a head, one minute for a body, two for an answer that nobody takes.
    fn default() -> Self {
        Self {
            most: 512,
            head: Duration::from_secs(30),
            body: Duration::from_mins(1),
            answer: Duration::from_mins(2),
        }
    }
}

/// Serves until `stopped` holds, and then until the last connection has ended.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stopped: watch::Receiver<bool>,
) {
    let free = Arc::new(Semaphore::new(limits.most.into()));
    let mut stop = pin!(until(stopped.clone()));
    loop {
        let next = async {
            let place = Arc::clone(&free).acquire_owned().await;
            // The listener's own `accept` would fail where this one waits for a free descriptor.
            let (stream, _) = axum::serve::Listener::accept(&mut listener).await;
            (stream, place)
        };
        let (stream, place) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next => next,
        };
        let connection = connection(stream, router.clone(), limits, stopped.clone());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    // All places are free: every connection has ended.
    drop(free.acquire_many(limits.most.into()).await);
}

/// One connection. HTTP/1 alone: to find out whether it is another version would take a client's first
/// bytes, and nothing limits how long those take.
async fn connection(
    stream: TcpStream,
    router: Router,
    limits: ConnectionLimits,
    stopped: watch::Receiver<bool>,
) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    let stream = TokioIo::new(Steady::new(stream, limits.answer));
    let mut served = pin!(builder.serve_connection(stream, TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = until(stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Whoever would say so may also be gone.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|it| *it).await);
}
