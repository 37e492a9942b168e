//! Bodies that keep the server waiting, and bodies that nobody has read to their end.

use std::error::Error;
use std::iter;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::Problem;

/// How much is read of a body that is refused: what GitHub sends at most.
const MOST: usize = 25 * 1024 * 1024;
/// For how long.
const WITHIN: Duration = Duration::from_secs(10);
/// How long nothing of it may come meanwhile: the answer waits for it.
const SILENCE: Duration = Duration::from_secs(1);

/// Waits so long for a request's body, in all, and then answers with 408, unless its handler did.
///
/// Also reads what is left of a body that was refused, so that whoever sends it gets to read why: a connection
/// that is closed while its client still sends is reset, and the answer may be lost
/// ([RFC 9112, 9.6](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)). Not of one that its client asks to
/// send ([RFC 9110, 10.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1)): to read it would ask for it.
pub(super) async fn discard(
    State(patience): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let asks_first = asks_first(&parts.headers);
    let body = Arc::new(Mutex::new(Arriving::new(body, patience)));
    let request = Request::from_parts(parts, Body::from_stream(pieces(Arc::clone(&body))));
    let mut response = next.run(request).await;
    if lock(&body).is_late() {
        if response.status() != StatusCode::REQUEST_TIMEOUT {
            return too_late();
        }
        close_after(&mut response);
        return response;
    }
    if !response.status().is_success() {
        let was_asked_for = lock(&body).was_asked_for;
        if asks_first && !was_asked_for {
            close_after(&mut response);
            return response;
        }
        // Whether all of it was read makes no difference to the answer.
        let _ = timeout(WITHIN, read(pieces(body))).await;
    }
    response
}

/// Whether the client waits to be told that it may send the body.
fn asks_first(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A body, and how long it may still be waited for.
struct Arriving {
    body: BodyDataStream,
    /// Whether anybody wanted any of it.
    was_asked_for: bool,
    left: Duration,
    /// While it is waited for: since when, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Arriving {
    fn new(body: Body, patience: Duration) -> Self {
        let body = body.into_data_stream();
        Self { body, was_asked_for: false, left: patience, waiting: None }
    }

    fn is_late(&self) -> bool {
        self.left.is_zero()
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        self.was_asked_for = true;
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

/// Whether a body ended with this since it did not arrive in time.
pub(crate) fn is_late(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(<dyn Error>::is::<TooLate>)
}

fn too_late() -> Response {
    let detail = "the body did not arrive in time; send it faster, or in smaller parts";
    let mut response = Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response();
    close_after(&mut response);
    response
}

fn close_after(response: &mut Response) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
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
    while let Ok(Some(Ok(piece))) = timeout(SILENCE, rest.next()).await {
        read += piece.len();
        if read > MOST {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refused_body_that_stalls_delays_its_answer_by_a_second() {
        let begun = Instant::now();
        read(stream::pending()).await;
        assert_eq!(begun.elapsed(), SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_body_that_still_comes_is_read_to_its_end() {
        let pieces = stream::iter(0..10).then(async |_| {
            sleep(SILENCE / 2).await;
            Ok(Bytes::from_static(b"x"))
        });
        let begun = Instant::now();
        read(Box::pin(pieces)).await;
        assert_eq!(begun.elapsed(), SILENCE * 5);
    }

    #[test]
    fn who_asks_before_sending_a_body_is_known_by_a_header() {
        for (expect, asks) in [("100-continue", true), ("100-Continue", true), ("x", false)] {
            let headers =
                HeaderMap::from_iter([(header::EXPECT, HeaderValue::from_static(expect))]);
            assert_eq!(asks_first(&headers), asks, "{expect}");
        }
        assert!(!asks_first(&HeaderMap::new()));
    }
}
