//! How much other programs may send.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt as _, stream};

/// The largest bodies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a delivery from GitHub, which itself stops at 25 MB.
    pub github: usize,
    /// Of a file from Upwork that is sent over HTTP; the command line takes any size.
    pub upwork: usize,
}

impl Default for Limits {
    /// 1 MiB and 10 MiB.
    fn default() -> Self {
        Self { github: 1024 * 1024, upwork: 10 * 1024 * 1024 }
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

/// How much is read of a body that is refused, so that whoever sends it gets to read the answer: what
/// GitHub sends at most.
const DISCARDED: usize = 25 * 1024 * 1024;
/// For how long.
const DISCARDED_WITHIN: Duration = Duration::from_secs(10);

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
            discard(rest).await;
            return Err(BodyError::TooLarge(limit));
        }
        Ok(Some((piece, (rest, taken))))
    })
}

/// Reads what nobody wants.
pub(crate) async fn discard(mut rest: BodyDataStream) {
    let read = async {
        let mut read = 0;
        while let Some(Ok(piece)) = rest.next().await {
            read += piece.len();
            if read > DISCARDED {
                break;
            }
        }
    };
    // Whether all of it was read makes no difference to the answer.
    let _ = tokio::time::timeout(DISCARDED_WITHIN, read).await;
}
