//! Entries as JSON, and whole exports.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use cqrs_core::Context;
use cqrs_http::Problem;
use futures_core::Stream;
use uuid::Uuid;

use super::Pages;
use super::params::{self, Empty, Params};
use super::path;
use super::problem::parameter;
use crate::entry::Entry;
use crate::error::ReadError;
use crate::query::Page;

pub(super) async fn entries(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page>, Problem> {
    let params = Params::read(query.as_deref(), &[params::FILTER, params::PAGE], Empty::Refused)?;
    Ok(Json(pages.log.query(&ctx, &params.filter, &params.request()).await?))
}

pub(super) async fn entry(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
    Path(parameters): Path<path::Parameters>,
) -> Result<Json<Entry>, Problem> {
    Params::read(query.as_deref(), &[], Empty::Refused)?;
    Ok(Json(find(&pages, &ctx, &path::own(parameters)).await?))
}

/// The tenant's entry with this id. That another tenant has one makes no difference.
pub(super) async fn find(pages: &Pages, ctx: &Context, id: &str) -> Result<Entry, Problem> {
    let id = Uuid::try_parse(id)
        .map_err(|_| parameter("id", "an entry's id is a uuid, and this is none"))?;
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no entry {id}"));
    pages.log.get(ctx, id).await?.ok_or_else(missing)
}

pub(super) async fn json_lines(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Problem> {
    let params = Params::read(query.as_deref(), &[params::FILTER, params::EXPORT], Empty::Refused)?;
    let order = params.order.unwrap_or_default();
    let lines = pages.log.export_json_lines(&ctx, &params.filter, order);
    Ok(download("jsonl", "application/jsonl; charset=utf-8", lines))
}

pub(super) async fn csv(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Problem> {
    let params = Params::read(query.as_deref(), &[params::FILTER, params::EXPORT], Empty::Refused)?;
    let order = params.order.unwrap_or_default();
    let lines = pages.log.export_csv(&ctx, &params.filter, order);
    Ok(download("csv", "text/csv; charset=utf-8; header=present", lines))
}

/// A file that comes piece by piece, as fast as it is read. When the database fails midway, the connection
/// breaks, so that nobody takes a part for the whole.
fn download(
    extension: &str,
    media_type: &'static str,
    lines: impl Stream<Item = Result<Vec<u8>, ReadError>> + Send + 'static,
) -> impl IntoResponse {
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"activity.{extension}\"")),
    ];
    (headers, Body::from_stream(lines))
}
