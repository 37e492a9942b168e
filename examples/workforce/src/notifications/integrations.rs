//! What is told about other programs.

use std::fmt::Write as _;

use cqrs_core::prelude::*;

use super::{Email, Mailer};
use crate::integrations::github::GitHubWebhook;
use crate::integrations::upwork::{FindUpworkImport, UpworkSync};
use crate::users::FindOwner;

/// GitHub's first word, `ping`, shows that a hook works.
#[events_handler(GitHubWebhook, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct ConfirmConnection {
    mailer: Arc<Mailer>,
    queries: QueryBus,
}

impl EventHandler<GitHubWebhook> for ConfirmConnection {
    async fn handle(&self, event: &GitHubWebhook, ctx: &Context) -> HandlerResult {
        let handler = "confirm-connection";
        if event.kind != "ping" || self.mailer.has_sent(ctx, handler).await? {
            return Ok(());
        }
        let Some(owner) = self.queries.execute(ctx, FindOwner).await? else {
            return Ok(());
        };
        let name = &event.hook_name;
        let email = Email {
            subject: format!("GitHub is connected: {name}"),
            text: format!(
                "Hello {},\n\nGitHub delivers to the hook {name} now.\n",
                owner.full_name
            ),
            to_name: owner.full_name,
            to: owner.email,
        };
        self.mailer.send_once(ctx, handler, email).await
    }
}

/// Rows that were not imported are somebody's hours: the owner is told which.
#[events_handler(UpworkSync, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct TellFailedRows {
    mailer: Arc<Mailer>,
    queries: QueryBus,
}

impl EventHandler<UpworkSync> for TellFailedRows {
    async fn handle(&self, event: &UpworkSync, ctx: &Context) -> HandlerResult {
        if event.failed == 0 || self.mailer.has_sent(ctx, "tell-failed-rows").await? {
            return Ok(());
        }
        let import = FindUpworkImport { id: event.import_id };
        let Some(import) = self.queries.execute(ctx, import).await? else {
            return Ok(());
        };
        let Some(owner) = self.queries.execute(ctx, FindOwner).await? else {
            return Ok(());
        };
        let UpworkSync { imported, skipped, failed, .. } = event;
        let mut text = format!(
            "Hello {},\n\n{failed} rows of {} were not imported; {imported} were, and {skipped} were \
             there already.\n\n",
            owner.full_name, import.file,
        );
        for problem in &import.problems {
            // Writing to a text does not fail.
            let _ = writeln!(text, "line {}: {}", problem.line, problem.reason);
        }
        let email = Email {
            subject: format!("{failed} rows from Upwork were not imported"),
            text,
            to_name: owner.full_name,
            to: owner.email,
        };
        self.mailer.send_once(ctx, "tell-failed-rows", email).await
    }
}
