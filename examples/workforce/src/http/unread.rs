//! Bodies that nobody has read to their end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt as _, stream};

/// How much is read of a body that is refused: what GitHub sends at most.
const MOST: usize = 25 * 1024 * 1024;
/// For how long.
const WITHIN: Duration = Duration::from_secs(10);

/// Reads what is left of a body that was refused, so that whoever sends it gets to read why: a connection that
/// is closed while its client still sends is reset, and the answer may be lost
/// ([RFC 9112, 9.6](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
pub(super) async fn discard(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let request = Request::from_parts(parts, Body::from_stream(pieces(Arc::clone(&body))));
    let response = next.run(request).await;
    if !response.status().is_success() {
        // Whether all of it was read makes no difference to the answer.
        let _ = tokio::time::timeout(WITHIN, read(pieces(body))).await;
    }
    response
}

/// Of a body that is there for whoever reads it first.
fn pieces(body: Arc<Mutex<BodyDataStream>>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    stream::poll_fn(move |cx| {
        body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(cx)
    })
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
