//! The page: a timeline of entries, and one entry with everything about it.

mod frame; // what surrounds every page
mod form; // the filter bar
mod details; // changes and data
mod item; // an entry
mod facts; // everything else about an entry
mod trail; // what one request caused
mod timeline; // entries, day by day

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;

use self::details::Limits;
use self::facts::{Fact, facts};
use self::form::{Chip, Form, chips};
use self::frame::Frame;
use self::item::Item;
use self::timeline::{Day, days};
use super::params::{self, Empty, Params};
use super::problem::PARAMETER;
use super::verify::Verdict;
use super::view::View;
use super::{api, path, sse, verify};
use crate::entry::Entry;
use crate::query::{Facets, Page, last_sequence};
use cqrs_http::Problem;

#[derive(Template)]
#[template(path = "timeline.html")]
struct Timeline {
    frame: Frame,
    form: Form,
    chips: Vec<Chip>,
    days: Vec<Day>,
    problem: Option<String>,
    /// A summary, if the page shows everything that one request caused.
    trail: Option<String>,
    searched_until: Option<String>,
    first_href: Option<String>,
    next_href: Option<String>,
    csv_href: String,
    jsonl_href: String,
    /// The path of new entries, if they would be shown at the top.
    live_href: Option<String>,
}

#[derive(Template)]
#[template(path = "single.html")]
struct Single {
    frame: Frame,
    item: Item,
    facts: Vec<Fact>,
}

/// A new entry of the timeline, for a page that is open.
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

#[derive(Template)]
#[template(path = "verified.html")]
struct Verified {
    frame: Frame,
    verdict: Verdict,
}

pub(super) async fn timeline(view: View) -> Response {
    let shown = shown(&view).await;
    shown.unwrap_or_else(|problem| failed(&view, &problem))
}

async fn shown(view: &View) -> Result<Response, Problem> {
    let View { pages, ctx, links, query, .. } = view;
    let known = &[params::FILTER, params::PAGE];
    let (params, mut wrong) = Params::read_or_keep(query.as_deref(), known);
    let log = &pages.log;
    let zone = params.zone.clone().unwrap_or(TimeZone::UTC);
    // Before the entries are read, so that a live tail misses none.
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
    let is_top = params.after.is_none() && form.order == "newest" && wrong.is_none();
    let is_trail = params.filter.correlation.is_some() && form.is_oldest;
    let since = last.to_string();
    let live = params.link(&[params::FILTER], &[("since", &since)]);
    let narrowed = params.link(&[params::FILTER, params::EXPORT], &[]);
    let kept: &[&[&str]] = &[params::FILTER, &["order", "limit"]];
    let next = page.next.map(|next| params.link(kept, &[("after", &next.to_string())]));
    let timeline = Timeline {
        frame: Frame::new(view, params.zone.as_ref()),
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

/// Entries as they are recorded, each in the form of the timeline. Their links are relative to this path.
pub(super) async fn live(view: View) -> Result<Response, Problem> {
    let links = view.links.clone();
    let shown = move |entry: &Entry| {
        let item = Item::new(entry, &links, &TimeZone::UTC, Limits::LISTED);
        // Both mean one line break in HTML, but the first means two in the data of a server-sent event.
        Arrival { item }.render().map(|html| html.replace("\r\n", "\n")).unwrap_or_default()
    };
    sse::tail(&view, shown).await
}

pub(super) async fn single(view: View, Path(parameters): Path<path::Parameters>) -> Response {
    let shown = async {
        let params = view.params(&[&["tz"]], Empty::Ignored)?;
        let entry = api::find(&view, &path::own(parameters)).await?;
        let zone = params.zone.clone().unwrap_or(TimeZone::UTC);
        let cause = match entry.causation_id {
            Some(cause) => view.pages.log.get(&view.ctx, cause).await?,
            None => None,
        };
        let frame = Frame::new(&view, params.zone.as_ref());
        let facts = facts(&entry, cause.as_ref(), &view.links);
        let item = Item::new(&entry, &view.links, &zone, Limits::ALONE);
        rendered(StatusCode::OK, &Single { frame, item, facts })
    };
    shown.await.unwrap_or_else(|problem| failed(&view, &problem))
}

pub(super) async fn verified(view: View) -> Response {
    let shown = async {
        let verdict = verify::verdict(&view, Empty::Ignored).await?;
        let frame = Frame::new(&view, None);
        rendered(StatusCode::OK, &Verified { frame, verdict })
    };
    shown.await.unwrap_or_else(|problem| failed(&view, &problem))
}

/// A page that says what is wrong.
fn failed(view: &View, problem: &Problem) -> Response {
    let message = Message {
        frame: Frame::new(view, None),
        tone: "bad",
        headline: "This cannot be shown.".to_owned(),
        detail: sentence(problem.detail()),
    };
    problem.log();
    let page = rendered(problem.status(), &message);
    (problem.headers().clone(), page).into_response()
}

/// A sentence for people: with a capital letter, a full stop, and without code marks.
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
