//! Whether the tenant's chain is sound.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;

use super::params::{self, Empty};
use super::permits::Full;
use super::problem::{busy, parameter};
use super::view::View;
use crate::chain::{Head, Verification, VerifyError};
use cqrs_http::Problem;

/// What a verification found.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) is_sound: bool,
    /// For people.
    pub(super) message: String,
    /// The head that was verified, to be kept outside of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<String>,
}

pub(super) async fn verify(view: View) -> Result<Json<Verdict>, Problem> {
    Ok(Json(verdict(&view, Empty::Refused).await?))
}

/// Verification reads the whole chain, so only a few run at once, and one for each tenant.
pub(super) async fn verdict(view: &View, empty: Empty) -> Result<Verdict, Problem> {
    let View { pages, ctx, .. } = view;
    let params = view.params(&[params::VERIFY], empty)?;
    let kept = params.given("head").map(str::parse::<Head>).transpose();
    let kept = kept.map_err(|error| parameter("head", error))?;
    let _permit = pages.verifying.acquire(ctx.tenant()).map_err(|full| {
        let detail = match full {
            Full::Tenant => "this chain is being verified right now; try again soon",
            Full::Everyone => "others are verifying right now; try again soon",
        };
        busy(detail)
    })?;
    let verified = match &kept {
        Some(kept) => pages.log.verify_against(ctx, kept).await,
        None => pages.log.verify(ctx).await,
    };
    match verified {
        Ok(verified) => Ok(Verdict {
            is_sound: true,
            message: proven(&verified, kept.as_ref()),
            head: Some(verified.head.to_string()),
        }),
        Err(VerifyError::Tampered(tampered)) => {
            tracing::error!(tenant = %ctx.tenant(), %tampered, "the activity log has been tampered with");
            let message = format!("Tampered with: {tampered}.");
            Ok(Verdict { is_sound: false, message, head: None })
        }
        Err(error @ VerifyError::HeadPruned { .. }) => {
            Ok(Verdict { is_sound: false, message: format!("Not proven: {error}."), head: None })
        }
        Err(error @ VerifyError::OtherTenant) => Err(parameter("head", error)),
        Err(error) => {
            let detail = "the activity log could not be verified; the server's log says why";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).caused_by(error))
        }
    }
}

/// What a verification proves, and what it does not.
fn proven(verified: &Verification, kept: Option<&Head>) -> String {
    let (entries, until) = (verified.entries, verified.head.sequence);
    let what = if entries == 1 { "entry is" } else { "entries are" };
    let pruned = match verified.pruned {
        0 => String::new(),
        pruned => format!(", after {pruned} that retention has removed"),
    };
    let found = match (entries, verified.pruned) {
        (0, 0) => "There are no entries.".to_owned(),
        _ => format!("{entries} {what} as recorded: verified through #{until}{pruned}."),
    };
    match kept {
        Some(kept) => {
            format!("{found} The head that was kept, of entry #{}, belongs to them.", kept.sequence)
        }
        None => format!(
            "{found} Without a head that was kept elsewhere, this cannot show whether later entries were cut off, or \
             whether all were written anew."
        ),
    }
}
