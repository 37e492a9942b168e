//! Entries as JSON, and whole exports.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cqrs_core::Context;
use cqrs_http::Problem;
use futures_core::Stream;
use uuid::Uuid;

use super::params::{self, Empty};
use super::path;
use super::problem::parameter;
use super::view::View;
use crate::entry::Entry;
use crate::log::ActivityLog;
use crate::query::{Filter, Order, Page, ReadError};

pub(super) async fn entries(view: View) -> Result<Json<Page>, Problem> {
    let params = view.params(&[params::FILTER, params::PAGE], Empty::Refused)?;
    Ok(Json(view.pages.log.query(&view.ctx, &params.filter, &params.request()).await?))
}

pub(super) async fn entry(
    view: View,
    Path(parameters): Path<path::Parameters>,
) -> Result<Json<Entry>, Problem> {
    view.params(&[], Empty::Refused)?;
    Ok(Json(find(&view, &path::own(parameters)).await?))
}

/// The tenant's entry with this id. An entry of another tenant is not found.
pub(super) async fn find(view: &View, id: &str) -> Result<Entry, Problem> {
    let id = Uuid::try_parse(id)
        .map_err(|_| parameter("id", "an entry's id is a uuid, and this is none"))?;
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no entry {id}"));
    view.pages.log.get(&view.ctx, id).await?.ok_or_else(missing)
}

pub(super) async fn json_lines(view: View) -> Result<Response, Problem> {
    export(&view, "jsonl", "application/jsonl; charset=utf-8", ActivityLog::export_json_lines)
}

pub(super) async fn csv(view: View) -> Result<Response, Problem> {
    export(&view, "csv", "text/csv; charset=utf-8; header=present", ActivityLog::export_csv)
}

/// A file that is sent in pieces, as fast as the client reads it. If the database fails midway, the connection
/// breaks, so that the client does not take a part for the whole.
fn export<S>(
    view: &View,
    extension: &str,
    media_type: &'static str,
    lines: impl FnOnce(&ActivityLog, &Context, &Filter, Order) -> S,
) -> Result<Response, Problem>
where
    S: Stream<Item = Result<Vec<u8>, ReadError>> + Send + 'static,
{
    let params = view.params(&[params::FILTER, params::EXPORT], Empty::Refused)?;
    let order = params.order.unwrap_or_default();
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"activity.{extension}\"")),
    ];
    let lines = lines(&view.pages.log, &view.ctx, &params.filter, order);
    Ok((headers, Body::from_stream(lines)).into_response())
}
