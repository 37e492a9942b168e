//! A server that stops while a request is in flight.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cqrs_core::App;
use cqrs_http::{ServeReport, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A server with one request in flight, after the signal to stop.
struct Stopping {
    server: JoinHandle<std::io::Result<ServeReport>>,
    connection: TcpStream,
    address: std::net::SocketAddr,
    app: App,
    /// Lets the request end.
    proceed: Arc<Notify>,
}

async fn stopping(limit: Duration) -> Stopping {
    let (arrived, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, wait) = (Arc::clone(&arrived), Arc::clone(&proceed));
    let slow = move || {
        let (here, wait) = (Arc::clone(&here), Arc::clone(&wait));
        async move {
            here.notify_one();
            wait.notified().await;
            "done"
        }
    };
    let router = Router::new().route("/", get(slow));
    let app = App::builder().bare().build().expect("wired");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let server = serve(&app, router, listener).within(limit);
    let server = server.until(async { stopped.await.expect("sent") });
    let server = tokio::spawn(server.into_future());

    let mut connection = TcpStream::connect(address).await.expect("it listens");
    connection.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("sent");
    arrived.notified().await;
    stop.send(()).expect("it listens");
    Stopping { server, connection, address, app, proceed }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_application_stops() {
    let mut it = stopping(Duration::from_mins(10)).await;
    while TcpStream::connect(it.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(it.app.health().await.is_ready(), "the application still works for the request");
    it.proceed.notify_one();
    let mut answer = String::new();
    it.connection.read_to_string(&mut answer).await.expect("an answer, and then the end");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
    let report = it.server.await.expect("no panic").expect("served");
    assert!(report.is_clean(), "{report}");
    assert!(!it.app.health().await.is_ready(), "it is shut down");
}

#[tokio::test]
async fn a_request_that_does_not_end_in_time_is_reported() {
    let it = stopping(Duration::from_millis(20)).await;
    let report = it.server.await.expect("no panic").expect("served");
    assert!(!report.requests_ended && report.application.is_clean());
    assert!(report.to_string().starts_with("requests were not answered in time"), "{report}");
    assert!(!it.app.health().await.is_ready(), "the application is shut down all the same");
}
