//! Entries as they are recorded, as server-sent events.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::{self, Either};
use futures_util::{StreamExt, TryStreamExt};

use super::params::{self, Empty};
use super::permits::Full;
use super::problem::busy;
use super::view::View;
use crate::entry::Entry;
use crate::live::Seen;
use crate::query::last_sequence;
use cqrs_http::Problem;

/// How often a stream without entries sends a comment, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

pub(super) async fn live(view: View) -> Result<Response, Problem> {
    let json = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default();
    tail(&view, json).await
}

/// Begins after the sequence in `Last-Event-ID` or in `since`, or with the next entry. The first message has the
/// position at which it begins, so that a client that reconnects continues there.
pub(super) async fn tail(
    view: &View,
    shown: impl Fn(&Entry) -> String + Send + 'static,
) -> Result<Response, Problem> {
    let View { pages, ctx, headers, .. } = view;
    let params = view.params(&[params::FILTER, params::LIVE], Empty::Refused)?;
    let requested = last_event_id(headers)?.or(params.since);
    let permit = pages.live.acquire(ctx.tenant()).map_err(|full| {
        let detail = match full {
            Full::Tenant => "too many live tails of this tenant are open; try again soon",
            Full::Everyone => "too many live tails are open; try again soon",
        };
        busy(detail)
    })?;

    let head = last_sequence(pages.log.database(), ctx.tenant()).await?;
    // A position beyond the head comes from another tenant, or from before the database was restored from a backup.
    let start = requested.map_or(head, |requested| requested.min(head));
    let hello = Event::default().id(start.to_string()).retry(RETRY);
    let hello = futures_util::stream::once(future::ready(Ok(hello)));
    let seen = pages.log.watch(ctx, &params.filter, Some(start)).inspect_err(|error| {
        tracing::error!(%error, "a live tail ended");
    });
    let shutdown = pages.until.clone().map_or(Either::Left(future::pending()), Either::Right);
    let events = hello
        .chain(seen.map_ok(move |seen| event(seen, &shown)))
        .take_until(future::select(shutdown, Box::pin(tokio::time::sleep(pages.live_for))))
        .inspect(move |_| {
            // The stream keeps the permit until it is dropped.
            let _ = &permit;
        });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn event(seen: Seen, shown: impl Fn(&Entry) -> String) -> Event {
    let event = Event::default();
    match seen {
        Seen::Entry(entry) => {
            event.id(entry.sequence.to_string()).event("entry").data(shown(&entry))
        }
        // A message without data is not an event, but it moves the position at which the client reconnects.
        Seen::Nothing { up_to } => event.id(up_to.to_string()),
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let id = id.to_str().ok().and_then(params::digits);
    let wrong = || {
        let detail = "the header `Last-Event-ID` is not the sequence of an entry";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    };
    id.map(Some).ok_or_else(wrong)
}
