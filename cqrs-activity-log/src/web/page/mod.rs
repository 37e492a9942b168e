//! The page: a timeline of entries, and one entry with everything about it.

mod details;
mod facts;
mod form;
mod frame;
mod item;
mod timeline;
mod trail;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use cqrs_core::Context;
use cqrs_http::Problem;
use jiff::tz::TimeZone;

use self::details::Room;
use self::facts::{Fact, facts};
use self::form::{Chip, Form, chips};
use self::frame::Frame;
use self::item::Item;
use self::timeline::{Day, days};
use super::links::Links;
use super::params::{self, Empty, Params};
use super::problem::PARAMETER;
use super::{Pages, api, path, sse, verify};
use crate::entry::Entry;
use crate::query::{Facets, Page, last_sequence};

#[derive(Template)]
#[template(path = "timeline.html")]
struct Timeline {
    frame: Frame,
    form: Form,
    chips: Vec<Chip>,
    days: Vec<Day>,
    problem: Option<String>,
    /// About everything that one request caused, where that is what is shown.
    trail: Option<String>,
    searched_until: Option<String>,
    first_href: Option<String>,
    next_href: Option<String>,
    csv_href: String,
    jsonl_href: String,
    /// Where new entries come from, where they would stand at the top.
    live_href: Option<String>,
}

#[derive(Template)]
#[template(path = "single.html")]
struct Single {
    frame: Frame,
    item: Item,
    facts: Vec<Fact>,
}

/// An entry of the timeline by itself, as it arrives while somebody looks.
#[derive(Template)]
#[template(path = "entry.html")]
struct Arrival {
    item: Item,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
    tone: &'static str,
    headline: String,
    detail: String,
}

pub(super) async fn timeline(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    links: Links,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let known = &[params::FILTER, params::PAGE];
    let (params, wrong) = Params::read_or_keep(query.as_deref(), known);
    match shown(&pages, &ctx, &links, &headers, params, wrong).await {
        Ok(response) => response,
        Err(problem) => failed(&ctx, &links, &headers, &problem),
    }
}

async fn shown(
    pages: &Pages,
    ctx: &Context,
    links: &Links,
    headers: &HeaderMap,
    params: Params,
    mut wrong: Option<Problem>,
) -> Result<Response, Problem> {
    let log = &pages.log;
    let zone = params.zone.clone().unwrap_or(TimeZone::UTC);
    // Before the entries are read, so that a live tail leaves nothing out.
    let last = last_sequence(log.database(), ctx.tenant()).await?;
    let mut page = Page { entries: Vec::new(), next: None, searched_until: None };
    if wrong.is_none() {
        match log.query(ctx, &params.filter, &params.request()).await.map_err(Problem::from) {
            Ok(found) => page = found,
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => wrong = Some(problem),
            Err(problem) => return Err(problem),
        }
    }
    let facets: Facets = log.facets(ctx).await?;

    let parameter = wrong.as_ref().and_then(|problem| problem.member(PARAMETER)?.as_str());
    let form = Form::new(&params, facets, parameter);
    let is_top = params.after.is_none() && !form.is_oldest && wrong.is_none();
    let is_trail = params.filter.correlation.is_some() && form.is_oldest;
    let since = last.to_string();
    let live = params.link(&[params::FILTER], &[("since", &since)]);
    let narrowed = params.link(&[params::FILTER, params::EXPORT], &[]);
    let kept: &[&[&str]] = &[params::FILTER, &["order", "limit"]];
    let next = page.next.map(|next| params.link(kept, &[("after", &next.to_string())]));
    let timeline = Timeline {
        frame: Frame::new(ctx, links, headers, params.zone.as_ref()),
        chips: chips(&params, links),
        problem: wrong.as_ref().map(|problem| sentence(problem.detail())),
        trail: is_trail.then(|| trail::summary(&page.entries, page.next.is_some())),
        searched_until: page.searched_until.map(|until| until.to_string()),
        first_href: params.after.map(|_| links.page(&params.link(kept, &[]))),
        next_href: next.map(|next| links.page(&next)),
        csv_href: links.below(&format!("api/export.csv{narrowed}")),
        jsonl_href: links.below(&format!("api/export.jsonl{narrowed}")),
        live_href: is_top.then(|| links.below(&format!("live{live}"))),
        days: days(&page.entries, links, &zone, is_trail),
        form,
    };
    let status = wrong.map_or(StatusCode::OK, |problem| problem.status());
    rendered(status, &timeline)
}

/// Entries as they are recorded, each as it stands in the timeline. Their links are relative to this.
pub(super) async fn live(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    links: Links,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = move |entry: &Entry| {
        let item = Item::new(entry, &links, &TimeZone::UTC, Room::LISTED);
        // In a template's text, both mean one line break; in an event's data, the first means two.
        Arrival { item }.render().map(|html| html.replace("\r\n", "\n")).unwrap_or_default()
    };
    sse::tail(&pages, &ctx, query.as_deref(), &headers, shown).await
}

pub(super) async fn single(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    links: Links,
    RawQuery(query): RawQuery,
    Path(parameters): Path<path::Parameters>,
    headers: HeaderMap,
) -> Response {
    let shown = async {
        let params = Params::read(query.as_deref(), &[&["tz"]], Empty::Ignored)?;
        let entry = api::find(&pages, &ctx, &path::own(parameters)).await?;
        let zone = params.zone.clone().unwrap_or(TimeZone::UTC);
        let cause = match entry.causation_id {
            Some(cause) => pages.log.get(&ctx, cause).await?,
            None => None,
        };
        let frame = Frame::new(&ctx, &links, &headers, params.zone.as_ref());
        let facts = facts(&entry, cause.as_ref(), &links);
        let item = Item::new(&entry, &links, &zone, Room::ALONE);
        rendered(StatusCode::OK, &Single { frame, item, facts })
    };
    shown.await.unwrap_or_else(|problem| failed(&ctx, &links, &headers, &problem))
}

pub(super) async fn verified(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    links: Links,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let shown = async {
        Params::read(query.as_deref(), &[], Empty::Ignored)?;
        let verdict = verify::verdict(&pages, &ctx).await?;
        let (tone, headline) = if verdict.is_sound {
            ("good", "Nothing was altered.")
        } else {
            ("bad", "Something was altered.")
        };
        let frame = Frame::new(&ctx, &links, &headers, None);
        let headline = headline.to_owned();
        rendered(StatusCode::OK, &Message { frame, tone, headline, detail: verdict.message })
    };
    shown.await.unwrap_or_else(|problem| failed(&ctx, &links, &headers, &problem))
}

/// A page that says what is wrong.
fn failed(ctx: &Context, links: &Links, headers: &HeaderMap, problem: &Problem) -> Response {
    let message = Message {
        frame: Frame::new(ctx, links, headers, None),
        tone: "bad",
        headline: "This cannot be shown.".to_owned(),
        detail: sentence(problem.detail()),
    };
    problem.log();
    let page = rendered(problem.status(), &message);
    (problem.headers().clone(), page).into_response()
}

/// For people: with a capital letter and a full stop, and without the marks of what is code for programs.
fn sentence(detail: &str) -> String {
    let mut letters = detail.chars().filter(|letter| *letter != '`');
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.extend(letters);
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

fn rendered(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    match template.render() {
        Ok(html) => Ok((status, Html(html)).into_response()),
        Err(error) => {
            let detail = "the page could not be written";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).caused_by(error))
        }
    }
}
