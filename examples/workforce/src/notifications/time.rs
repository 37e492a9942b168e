//! What is told about timesheets.

use cqrs_core::prelude::*;

use super::{Email, Mailer};
use crate::config::PublicUrl;
use crate::employees::FindEmployee;
use crate::time_tracking::{TimesheetApproved, TimesheetSubmitted};
use crate::users::FindOwner;

/// Whoever approves is asked to.
#[events_handler(TimesheetSubmitted, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct AskForApproval {
    mailer: Arc<Mailer>,
    queries: QueryBus,
    url: PublicUrl,
}

impl EventHandler<TimesheetSubmitted> for AskForApproval {
    async fn handle(&self, event: &TimesheetSubmitted, ctx: &Context) -> HandlerResult {
        if self.mailer.has_sent(ctx, "ask-for-approval").await? {
            return Ok(());
        }
        let Some(owner) = self.queries.execute(ctx, FindOwner).await? else {
            return Ok(());
        };
        let TimesheetSubmitted { employee_name, week, minutes, .. } = event;
        let email = Email {
            subject: format!("{employee_name}'s timesheet of {week} waits for approval"),
            text: format!(
                "Hello {},\n\n{employee_name} has submitted {} for {week}. Approve it here:\n\n\
                 {}/timesheets\n",
                owner.full_name,
                hours(*minutes),
                self.url,
            ),
            to_name: owner.full_name,
            to: owner.email,
        };
        self.mailer.send_once(ctx, "ask-for-approval", email).await
    }
}

/// Whoever has worked is told that it was approved.
#[events_handler(TimesheetApproved, retry(attempts = 50, backoff = "1s", max = "10m"))]
struct TellApproval {
    mailer: Arc<Mailer>,
    queries: QueryBus,
}

impl EventHandler<TimesheetApproved> for TellApproval {
    async fn handle(&self, event: &TimesheetApproved, ctx: &Context) -> HandlerResult {
        if self.mailer.has_sent(ctx, "tell-approval").await? {
            return Ok(());
        }
        let employee = self.queries.execute(ctx, FindEmployee { id: event.employee_id }).await?;
        let Some(employee) = employee else {
            return Ok(());
        };
        let (week, worked) = (event.week, hours(event.minutes));
        let email = Email {
            subject: format!("Your timesheet of {week} was approved"),
            text: format!(
                "Hello {},\n\nyour {worked} of {week} were approved.\n",
                employee.full_name
            ),
            to_name: employee.full_name,
            to: employee.email,
        };
        self.mailer.send_once(ctx, "tell-approval", email).await
    }
}

fn hours(minutes: i64) -> String {
    format!("{}:{:02} hours", minutes / 60, minutes % 60)
}
