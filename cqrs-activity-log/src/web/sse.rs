//! Entries as they are recorded, as server-sent events.

use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cqrs_core::Context;
use cqrs_http::Problem;
use futures_util::future::{self, Either};
use futures_util::{StreamExt, TryStreamExt};

use super::Pages;
use super::params::{self, Empty, Params};
use super::places::Full;
use super::problem::busy;
use crate::entry::Entry;
use crate::live::Seen;
use crate::query::last_sequence;

/// How often a silent stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

pub(super) async fn live(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let json = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default();
    tail(&pages, &ctx, query.as_deref(), &headers, json).await
}

/// Begins after the entry with the sequence in `Last-Event-ID`, or in `since`, or with what comes next. The
/// first thing that is sent says where that is, so that who comes back goes on from there.
pub(super) async fn tail(
    pages: &Pages,
    ctx: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    shown: impl Fn(&Entry) -> String + Send + 'static,
) -> Result<Response, Problem> {
    let params = Params::read(query, &[params::FILTER, params::LIVE], Empty::Refused)?;
    let asked = last_event_id(headers)?.or(params.since);
    let place = pages.live.take(ctx.tenant()).map_err(|full| {
        let detail = match full {
            Full::Tenant => "too many live tails of this tenant are open; try again soon",
            Full::Everyone => "too many live tails are open; try again soon",
        };
        busy(detail)
    })?;

    let head = last_sequence(pages.log.database(), ctx.tenant()).await?;
    // What is beyond the head belongs to another tenant, or to a database that was replaced by a backup.
    let start = asked.map_or(head, |asked| asked.min(head));
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
            // Held until the stream is dropped.
            let _ = &place;
        });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn event(seen: Seen, shown: impl Fn(&Entry) -> String) -> Event {
    let event = Event::default();
    match seen {
        Seen::Entry(entry) => {
            event.id(entry.sequence.to_string()).event("entry").data(shown(&entry))
        }
        // Without data it is no event, but it moves the position to come back to.
        Seen::Nothing { up_to } => event.id(up_to.to_string()),
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let id = id.to_str().ok().and_then(params::digits);
    let wrong = || {
        let detail = "the header `Last-Event-ID` is no sequence of an entry";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    };
    id.map(Some).ok_or_else(wrong)
}
