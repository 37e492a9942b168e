//! Bodies that keep the server waiting, and bodies that nobody has read to their end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, Sleep, sleep};

use super::Problem;

/// How much is read of a body that is refused: what GitHub sends at most.
const MOST: usize = 25 * 1024 * 1024;
/// For how long.
const WITHIN: Duration = Duration::from_secs(10);

/// Waits so long for a request's body, in all, and then answers with 408.
///
/// Also reads what is left of a body that was refused, so that whoever sends it gets to read why: a connection
/// that is closed while its client still sends is reset, and the answer may be lost
/// ([RFC 9112, 9.6](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
pub(super) async fn discard(
    State(patience): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(Arriving::new(body, patience)));
    let request = Request::from_parts(parts, Body::from_stream(pieces(Arc::clone(&body))));
    let response = next.run(request).await;
    if lock(&body).is_late() {
        return too_late();
    }
    if !response.status().is_success() {
        // Whether all of it was read makes no difference to the answer.
        let _ = tokio::time::timeout(WITHIN, read(pieces(body))).await;
    }
    response
}

/// A body, and how long it may still be waited for.
struct Arriving {
    body: BodyDataStream,
    left: Duration,
    /// While it is waited for: since when, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Arriving {
    fn new(body: Body, patience: Duration) -> Self {
        Self { body: body.into_data_stream(), left: patience, waiting: None }
    }

    fn is_late(&self) -> bool {
        self.left.is_zero()
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        if self.is_late() {
            return Poll::Ready(Some(Err(axum::Error::new(TooLate))));
        }
        if let Poll::Ready(piece) = self.body.poll_next_unpin(cx) {
            if let Some((since, _)) = self.waiting.take() {
                self.left = self.left.saturating_sub(since.elapsed());
            }
            return Poll::Ready(piece);
        }
        let left = self.left;
        let waiting = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        waiting.1.as_mut().poll(cx).map(|()| {
            self.left = Duration::ZERO;
            Some(Err(axum::Error::new(TooLate)))
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it did not arrive in time")]
struct TooLate;

fn too_late() -> Response {
    let detail = "the body did not arrive in time; send it faster, or in smaller parts";
    let mut response = Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn lock(body: &Mutex<Arriving>) -> MutexGuard<'_, Arriving> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of a body that is there for whoever reads it first.
fn pieces(body: Arc<Mutex<Arriving>>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    stream::poll_fn(move |cx| lock(&body).poll_piece(cx))
}

async fn read(mut rest: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin) {
    let mut read = 0;
    while let Some(Ok(piece)) = rest.next().await {
        read += piece.len();
        if read > MOST {
            break;
        }
    }
}
