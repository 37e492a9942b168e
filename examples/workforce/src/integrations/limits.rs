//! How much other programs may send.

use axum::BoxError;
use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use crate::http::until;

/// The largest bodies, in bytes, and how many of them are read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a delivery from GitHub, which itself stops at 25 MB.
    pub github: usize,
    /// Of a file from Upwork that is sent over HTTP; the command line takes any size.
    pub upwork: usize,
    /// How many deliveries are read at once. Until one was read, nobody knows whether it is GitHub's. A
    /// tenant has at most half of them.
    pub github_at_once: usize,
    /// How many files from Upwork are imported at once over HTTP. A tenant has at most half of them.
    pub upwork_at_once: usize,
}

impl Default for Limits {
    /// 1 MiB of which 64 are read at once, and 10 MiB of which 4 are.
    fn default() -> Self {
        Self {
            github: 1024 * 1024,
            upwork: 10 * 1024 * 1024,
            github_at_once: 64,
            upwork_at_once: 4,
        }
    }
}

/// Why a body is not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than this many bytes.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// The client stopped sending, or sent what is no HTTP.
    #[error("it stopped in the middle: {0}")]
    Broken(#[from] axum::Error),
}

/// The server ends before a body does.
#[derive(Debug, thiserror::Error)]
#[error("the server stopped before it was read to its end")]
pub(crate) struct Stopped;

/// The pieces of a body until the server is told to stop, which is an error.
pub(crate) fn while_serving(
    pieces: impl Stream<Item = Result<Bytes, BodyError>> + Send,
    stopped: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    let start = (Box::pin(pieces), stopped);
    stream::try_unfold(start, |(mut pieces, stopped)| async move {
        let piece = tokio::select! {
            biased;
            () = until(stopped.clone()) => return Err(Stopped.into()),
            piece = pieces.next() => piece.transpose()?,
        };
        Ok(piece.map(|piece| (piece, (pieces, stopped))))
    })
}

/// The pieces of a body until it becomes too large.
pub(crate) fn limited(
    body: Body,
    limit: usize,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    let start = (body.into_data_stream(), 0);
    stream::try_unfold(start, move |(mut rest, taken)| async move {
        let Some(piece) = rest.next().await.transpose()? else {
            return Ok(None);
        };
        let taken = piece.len() + taken;
        if taken > limit {
            return Err(BodyError::TooLarge(limit));
        }
        Ok(Some((piece, (rest, taken))))
    })
}
