//! Whether the tenant's chain is whole, asked for by a reader.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use cqrs_core::Context;
use cqrs_http::Problem;
use serde::Serialize;

use super::Pages;
use super::params::{Empty, Params};
use super::places::Full;
use super::problem::busy;
use crate::chain::VerifyError;

/// What a verification found.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) is_sound: bool,
    /// For people.
    pub(super) message: String,
    /// The head that was verified, to be noted elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

pub(super) async fn verify(
    State(pages): State<Pages>,
    Extension(ctx): Extension<Context>,
    RawQuery(query): RawQuery,
) -> Result<Json<Verdict>, Problem> {
    Params::read(query.as_deref(), &[], Empty::Refused)?;
    Ok(Json(verdict(&pages, &ctx).await?))
}

/// Reads the whole chain, so only a few at once do, and one of a tenant.
pub(super) async fn verdict(pages: &Pages, ctx: &Context) -> Result<Verdict, Problem> {
    let _place = pages.verifying.take(ctx.tenant()).map_err(|full| {
        let detail = match full {
            Full::Tenant => "this chain is being verified right now; try again soon",
            Full::Everyone => "others are verifying right now; try again soon",
        };
        busy(detail)
    })?;
    match pages.log.verify(ctx).await {
        Ok(verified) => {
            let what = if verified.entries == 1 { "entry is" } else { "entries are" };
            let message = match (verified.entries, verified.pruned) {
                (0, 0) => "There are no entries yet.".to_owned(),
                (entries, 0) => {
                    let until = verified.head.sequence;
                    format!("{entries} {what} as recorded: verified through #{until}.")
                }
                (entries, pruned) => {
                    let until = verified.head.sequence;
                    format!(
                        "{entries} {what} as recorded: verified through #{until}, after {pruned} that \
                         retention has removed."
                    )
                }
            };
            Ok(Verdict { is_sound: true, message, head: Some(verified.head.to_string()) })
        }
        Err(VerifyError::Tampered(tampered)) => {
            tracing::error!(tenant = %ctx.tenant(), %tampered, "the activity log has been tampered with");
            let message = format!("Tampered with: {tampered}.");
            Ok(Verdict { is_sound: false, message, head: None })
        }
        Err(error) => {
            let detail = "the activity log could not be verified; the server's log says why";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).caused_by(error))
        }
    }
}
