//! The page: a timeline of entries, and one entry with everything about it.

mod form;
mod frame;
mod item;
mod timeline;
mod trail;

use askama::Template;
use axum::Extension;
use axum::extract::{OriginalUri, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use cqrs_core::Context;
use jiff::tz::TimeZone;

use self::form::{Chip, Form, chips};
use self::frame::Frame;
use self::item::{Item, display_name};
use self::timeline::{Day, days};
use super::links::Links;
use super::params::{self, Empty, Params};
use super::problem::Problem;
use super::{Pages, api, verify};
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
    prototype: Option<Item>,
    tones: String,
}

#[derive(Template)]
#[template(path = "single.html")]
struct Single {
    frame: Frame,
    item: Item,
    facts: Vec<Fact>,
}

struct Fact {
    label: &'static str,
    value: String,
    href: Option<String>,
    is_code: bool,
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
    OriginalUri(original): OriginalUri,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let links = Links::new(original.path(), uri.path()).within(pages.product.as_ref());
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

    let parameter = wrong.as_ref().and_then(|problem| problem.parameter.as_deref());
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
        problem: wrong.as_ref().map(|problem| problem.detail.clone()),
        trail: is_trail.then(|| trail::summary(&page.entries, page.next.is_some())),
        searched_until: page.searched_until.map(|until| until.to_string()),
        first_href: params.after.map(|_| links.page(&params.link(kept, &[]))),
        next_href: next.map(|next| links.page(&next)),
        csv_href: links.below(&format!("api/export.csv{narrowed}")),
        jsonl_href: links.below(&format!("api/export.jsonl{narrowed}")),
        live_href: is_top.then(|| links.below(&format!("api/live{live}"))),
        prototype: is_top.then(Item::prototype),
        tones: item::tones(),
        days: days(&page.entries, links, &zone, is_trail),
        form,
    };
    let status = wrong.map_or(StatusCode::OK, |problem| problem.status());
    rendered(status, &timeline)
}

pub(super) async fn single(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    RawQuery(query): RawQuery,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let links = Links::new(original.path(), uri.path()).within(pages.product.as_ref());
    let shown = async {
        let params = Params::read(query.as_deref(), &[&["tz"]], Empty::Ignored)?;
        let entry = api::find(&pages, &ctx, &id).await?;
        let zone = params.zone.clone().unwrap_or(TimeZone::UTC);
        let cause = match entry.causation_id {
            Some(cause) => pages.log.get(&ctx, cause).await?,
            None => None,
        };
        let frame = Frame::new(&ctx, &links, &headers, params.zone.as_ref());
        let facts = facts(&entry, cause.as_ref(), &links);
        rendered(StatusCode::OK, &Single { frame, item: Item::new(&entry, &links, &zone), facts })
    };
    shown.await.unwrap_or_else(|problem| failed(&ctx, &links, &headers, &problem))
}

/// Who, what, where from: all that the headline does not say.
fn facts(entry: &Entry, cause: Option<&Entry>, links: &Links) -> Vec<Fact> {
    let fact = |label, value: String| Fact { label, value, href: None, is_code: false };
    let code = |label, value: String| Fact { label, value, href: None, is_code: true };
    let linked = |label, value: String, query: &[(&str, &str)]| {
        let href = Some(links.page(&params::query(query.iter().copied())));
        Fact { label, value, href, is_code: false }
    };
    let mut facts = Vec::new();
    if let Some(actor) = &entry.actor {
        let value = format!("{} ({} {})", display_name(actor), actor.kind(), actor.id());
        facts.push(linked("Actor", value, &[("actor", actor.id())]));
        if let Some(principal) = actor.principal() {
            let name = display_name(principal);
            let value = format!("{name} ({} {})", principal.kind(), principal.id());
            facts.push(fact("On behalf of", value));
        }
    }
    if let Some(id) = &entry.organization {
        facts.push(linked("Organization", id.clone(), &[("organization", id)]));
    }
    facts.push(linked("Type", entry.entity_type.clone(), &[("entity", &entry.entity_type)]));
    if let Some(id) = &entry.entity_id {
        let query = [("entity", entry.entity_type.as_str()), ("entity_id", id)];
        facts.push(linked("Id", id.clone(), &query));
    }
    if let Some(name) = &entry.entity_name {
        facts.push(fact("Name", name.clone()));
    }
    if let Some(name) = &entry.event_name {
        let version = entry.event_version.map(|version| format!(", version {version}"));
        let value = format!("{name}{}", version.unwrap_or_default());
        facts.push(linked("Event", value, &[("event", name)]));
    }
    let correlation = entry.correlation_id.to_string();
    let query = [("correlation", &*correlation), ("order", "oldest")];
    facts.push(linked("Request", format!("follow {correlation}"), &query));
    match (cause, entry.causation_id) {
        (Some(cause), _) => facts.push(Fact {
            label: "Caused by",
            value: format!("{} (entry #{})", cause.description, cause.sequence),
            href: Some(links.below(&format!("entries/{}", cause.id))),
            is_code: false,
        }),
        (None, Some(id)) => facts.push(code("Caused by", id.to_string())),
        (None, None) => {}
    }
    facts.push(fact("Outcome", entry.outcome.to_string()));
    facts.push(fact("Recorded", entry.recorded_at.to_string()));
    facts.push(fact("Place in the chain", format!("#{}", entry.sequence)));
    facts.push(code("Hash", entry.hash.to_string()));
    facts.push(Fact {
        label: "As JSON",
        value: entry.id.to_string(),
        href: Some(links.below(&format!("api/entries/{}", entry.id))),
        is_code: false,
    });
    facts
}

pub(super) async fn verified(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let links = Links::new(original.path(), uri.path()).within(pages.product.as_ref());
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
        detail: problem.detail.clone(),
    };
    rendered(problem.status(), &message).unwrap_or_else(IntoResponse::into_response)
}

fn rendered(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    match template.render() {
        Ok(html) => Ok((status, Html(html)).into_response()),
        Err(error) => {
            tracing::error!(%error, "the activity page could not be written");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written"))
        }
    }
}
