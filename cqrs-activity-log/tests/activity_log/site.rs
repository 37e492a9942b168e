//! The router behind a real server; a header has the tenant.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use cqrs_activity_log::ActivityLog;
use cqrs_activity_log::web::Pages;
use cqrs_core::{Actor, Context};
use futures_util::{Stream, StreamExt};
use reqwest::Response;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A served router; asked to stop when it is dropped.
pub(crate) struct Site {
    address: SocketAddr,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Site {
    /// Serves `log` under `/activity`.
    pub(crate) async fn new(log: &ActivityLog) -> Self {
        Self::with(Pages::new(log.clone())).await
    }

    pub(crate) async fn with(pages: Pages) -> Self {
        Self::mounted(pages, |pages| Router::new().nest("/activity", pages)).await
    }

    /// Serves the router that `mount` makes of that of the pages.
    pub(crate) async fn mounted(pages: Pages, mount: impl FnOnce(Router) -> Router) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (end_tails, tails_end) = oneshot::channel::<()>();
        let pages = pages.until(async { drop(tails_end.await) }).into_router();
        let router = mount(pages).layer(middleware::from_fn(whose));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = async {
            drop(stopped.await);
            drop(end_tails);
        };
        let server = axum::serve(listener, router).with_graceful_shutdown(shutdown);
        let server = tokio::spawn(async { server.await.unwrap() });
        Self { address, client: reqwest::Client::new(), stop: Some(stop), server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.root(&format!("/activity{path}"))
    }

    /// The URL of a path that begins at the server's root.
    pub(crate) fn root(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, tenant: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).header("x-tenant", tenant)
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Response {
        self.request(tenant, path).send().await.unwrap()
    }

    pub(crate) async fn text(&self, tenant: &str, path: &str) -> String {
        self.get(tenant, path).await.text().await.unwrap()
    }

    pub(crate) async fn json(&self, tenant: &str, path: &str) -> Value {
        self.get(tenant, path).await.json().await.unwrap()
    }

    /// Stops, and waits until all connections have ended.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.server.await.unwrap();
    }
}

async fn whose(mut request: Request, next: Next) -> axum::response::Response {
    let tenant = request.headers().get("x-tenant").and_then(|value| value.to_str().ok());
    let ctx = match tenant {
        None => None,
        Some("system") => Some(Context::system()),
        Some(tenant) => Some(Context::for_tenant(tenant).unwrap()),
    };
    if let Some(ctx) = ctx {
        request.extensions_mut().insert(ctx.with_actor(Actor::user("reader")));
    }
    next.run(request).await
}

/// An event of a live tail.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: String,
}

/// The events of a response, without those that have no data.
pub(crate) fn events(response: Response) -> impl Stream<Item = Sent> + Unpin {
    blocks(response).filter(|sent| std::future::ready(!sent.data.is_empty()))
}

/// All messages of a response, also those that a browser does not take for an event.
pub(crate) fn blocks(response: Response) -> impl Stream<Item = Sent> + Unpin {
    let pieces = response.bytes_stream().take_while(|piece| std::future::ready(piece.is_ok()));
    let state = (Box::pin(pieces), String::new());
    let events = futures_util::stream::unfold(state, |(mut pieces, mut text)| async move {
        loop {
            if let Some((block, rest)) = text.split_once("\n\n") {
                let sent = parse(block);
                text = rest.to_owned();
                return Some((sent, (pieces, text)));
            }
            let piece = pieces.next().await?.ok()?;
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    });
    Box::pin(events)
}

fn parse(block: &str) -> Sent {
    let mut sent = Sent::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut sent.id),
            Some(("event", event)) => event.clone_into(&mut sent.event),
            Some(("data", data)) => sent.data.push_str(data),
            _ => {}
        }
    }
    sent
}
