//! Imports over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use cqrs_core::Context;
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{FindUpworkImport, ImportError, ListUpworkImports, UpworkImport, UpworkImporter};
use crate::access::Role;
use crate::failure::Failure;
use crate::http::{Buses, Path, Problem, ProblemBody, Query, is_late};
use crate::integrations::limits::{BodyError, Stopped, limited, while_serving};
use crate::integrations::turns::{NoTurn, Turns};
use crate::paging::{Page, PageParams};

/// How long a client waits before it sends its file again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(crate) fn routes(
    importer: Arc<UpworkImporter>,
    limit: usize,
    turns: Turns,
    stopped: watch::Receiver<bool>,
) -> OpenApiRouter<Buses> {
    OpenApiRouter::new()
        .routes(routes!(list_upwork_imports, import_upwork))
        .routes(routes!(find_upwork_import))
        .layer(Extension(Uploads { importer, limit, turns, stopped }))
}

#[derive(Clone)]
struct Uploads {
    importer: Arc<UpworkImporter>,
    /// The largest file, in bytes.
    limit: usize,
    /// How many are imported at once: each keeps the database busy.
    turns: Turns,
    /// Holds when the server ends.
    stopped: watch::Receiver<bool>,
}

/// What the file is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// At most 200 characters.
    file: Option<String>,
}

/// Lists imports
#[utoipa::path(get, path = "/integrations/upwork/imports", tag = "integrations",
    params(PageParams), responses(
    (status = 200, body = Page<UpworkImport>),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_upwork_imports(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Query(page): Query<PageParams>,
) -> Result<axum::Json<Page<UpworkImport>>, Problem> {
    Ok(axum::Json(buses.ask(&ctx, ListUpworkImports { page }).await?))
}

/// Shows an import
#[utoipa::path(get, path = "/integrations/upwork/imports/{id}", tag = "integrations",
    params(("id" = Uuid, Path)), responses(
    (status = 200, body = UpworkImport),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn find_upwork_import(
    State(buses): State<Buses>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<UpworkImport>, Problem> {
    let import = buses.ask(&ctx, FindUpworkImport { id }).await?;
    Ok(axum::Json(import.ok_or(Failure::NotFound("import"))?))
}

/// Imports a work diary
///
/// A row that is wrong is reported with its line and does not stop the rest; one that was imported before
/// is skipped, so that a file may be sent again. A tenant imports two files at once; another one is refused with
/// 429, or with 503 while too many others import.
#[utoipa::path(post, path = "/integrations/upwork/imports", tag = "integrations",
    params(ImportParams), request_body(content = String, content_type = "text/csv"), responses(
    (status = 201, body = UpworkImport),
    (status = "4XX", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, body = ProblemBody, content_type = "application/problem+json",
        description = "Too many import, or the server stops; `Retry-After` says when to send it again"),
))]
async fn import_upwork(
    Extension(ctx): Extension<Context>,
    Extension(Uploads { importer, limit, turns, stopped }): Extension<Uploads>,
    Query(params): Query<ImportParams>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    // The rule says so once the file's first line was read; whoever may not import holds nobody up until then.
    if Role::of(&ctx) != Role::Owner {
        return Err(Failure::Forbidden("only an owner may do this".to_owned()).into());
    }
    let headers = request.headers();
    let header = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let media_type = header(header::CONTENT_TYPE).unwrap_or_default();
    if media_type.split(';').next().is_none_or(|it| !it.trim().eq_ignore_ascii_case("text/csv")) {
        let detail = "a work diary is sent with `content-type: text/csv`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    // Before anything is imported, where the client says how much it will be.
    let length = header(header::CONTENT_LENGTH).and_then(|it| it.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit, None));
    }
    let turn = turns.take(ctx.tenant()).map_err(not_now)?;
    let file = params.file.unwrap_or_else(|| "upload.csv".to_owned());
    let body = while_serving(limited(request.into_body(), limit), stopped);
    // A client that goes away in the middle is noted, since the task goes on without it.
    let task = ctx.clone().spawn(async move {
        let _turn = turn;
        importer.import(&ctx, &file, body, |_| ()).await
    });
    match task.await {
        Ok(Ok(import)) => {
            let location = format!("/api/integrations/upwork/imports/{}", import.id);
            Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(import)))
        }
        Ok(Err(error)) => Err(problem(error)),
        Err(error) => Err(Problem::internal(error)),
    }
}

fn problem(error: ImportError) -> Problem {
    match error {
        ImportError::Header(error) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
        }
        ImportError::Failed(failure) => failure.into(),
        ImportError::Interrupted { import, error } => {
            if let Some(BodyError::TooLarge(limit)) = error.downcast_ref() {
                return too_large(*limit, import.as_deref());
            }
            if error.is::<Stopped>() {
                let detail = format!("the server stops; {}", recorded(import.as_deref()));
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                    .retry_after(RETRY_AFTER);
            }
            if is_late(&*error) {
                let recorded = recorded(import.as_deref());
                let detail = format!("the file did not arrive in time; {recorded}");
                return Problem::new(StatusCode::REQUEST_TIMEOUT, detail);
            }
            match error.downcast::<Failure>() {
                Ok(failure) => Problem::from(*failure),
                Err(_) => {
                    Problem::new(StatusCode::BAD_REQUEST, "the body could not be read to its end")
                }
            }
        }
    }
}

fn not_now(reason: NoTurn) -> Problem {
    let (status, detail) = match reason {
        NoTurn::Own => (
            StatusCode::TOO_MANY_REQUESTS,
            "other files are being imported; send this one when one of them is done",
        ),
        NoTurn::All => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many others import files; send this one in a while",
        ),
    };
    Problem::new(status, detail).retry_after(RETRY_AFTER)
}

fn recorded(import: Option<&UpworkImport>) -> String {
    let rows = import.map_or(0, |import| import.imported);
    format!("{rows} rows before that were imported, and the file can be sent again")
}

fn too_large(limit: usize, import: Option<&UpworkImport>) -> Problem {
    let limit = format!("a file of more than {limit} bytes is not taken over HTTP");
    let detail = match import {
        None => format!("{limit}; send it in parts, or use `workforce import-upwork`"),
        Some(import) => format!(
            "{limit}; {} rows before that were imported, and the file can be sent again in parts",
            import.imported
        ),
    };
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbError;

    /// As when everybody waits for the same rows.
    #[test]
    fn an_import_that_a_busy_database_interrupts_may_be_sent_again() {
        let busy = || Failure::Database(DbError::from(sqlx::Error::PoolTimedOut));
        let late = || Failure::Interrupted("it took too long".to_owned());
        for failure in [busy(), late()] {
            let interrupted = ImportError::Interrupted { import: None, error: failure.into() };
            assert_eq!(problem(interrupted).status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        let failed = problem(ImportError::Failed(busy())).into_response();
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(failed.headers().contains_key(header::RETRY_AFTER));
    }
}
