//! Whether the tenant's chain is sound.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;

use super::params::Empty;
use super::permits::Full;
use super::problem::busy;
use super::view::View;
use crate::chain::VerifyError;
use cqrs_http::Problem;

/// What a verification found.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) is_sound: bool,
    /// For people.
    pub(super) message: String,
    /// The head that was verified, to be kept outside of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

pub(super) async fn verify(view: View) -> Result<Json<Verdict>, Problem> {
    view.params(&[], Empty::Refused)?;
    Ok(Json(verdict(&view).await?))
}

/// Verification reads the whole chain, so only a few run at once, and one for each tenant.
pub(super) async fn verdict(View { pages, ctx, .. }: &View) -> Result<Verdict, Problem> {
    let _permit = pages.verifying.acquire(ctx.tenant()).map_err(|full| {
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
