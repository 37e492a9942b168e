//! Organizations over HTTP.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use cqrs_core::Context;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{CreateOrganization, FindOrganization, ListOrganizations, Organization};
use crate::failure::Failure;
use crate::http::{Buses, Json, Path, Problem, ProblemBody, Query};
use crate::paging::{Page, PageParams};

pub(crate) fn routes() -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(list_organizations, create_organization))
        .routes(routes!(find_organization))
}

/// A new organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    /// At most 200 characters; one organization of a tenant for each.
    name: String,
}

/// Lists organizations
#[utoipa::path(get, path = "/organizations", tag = "organizations", params(PageParams), responses(
    (status = 200, body = Page<Organization>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_organizations(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<Organization>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListOrganizations { page }).await?))
}

/// Creates an organization
#[utoipa::path(post, path = "/organizations", tag = "organizations", request_body = NewOrganization,
    responses(
    (status = 201, body = Organization),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_organization(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewOrganization>,
) -> Result<impl IntoResponse, Problem> {
    let organization = buses.execute(&ctx, CreateOrganization { name: new.name }).await?;
    let location = [(header::LOCATION, format!("/api/organizations/{}", organization.id))];
    Ok((StatusCode::CREATED, location, axum::Json(organization)))
}

/// Shows an organization
#[utoipa::path(get, path = "/organizations/{id}", tag = "organizations", params(("id" = Uuid, Path)),
    responses(
    (status = 200, body = Organization),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn find_organization(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Organization>, Problem> {
    let organization = buses.ask(&ctx, FindOrganization { id }).await?;
    Ok(axum::Json(organization.ok_or(Failure::NotFound("organization"))?))
}
