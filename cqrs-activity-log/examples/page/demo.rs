//! What happened in a made-up company.

use cqrs_activity_log::{Activity, ActivityLog, Changes, Outcome};
use cqrs_core::{Actor, Context};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Records a few days of a company's life, up to `now`.
pub async fn record(log: &ActivityLog, tenant: &str, now: Timestamp) -> Result<()> {
    let grace = || Actor::user("u-17").named("Grace Hopper");
    let ada = || Actor::user("u-42").named("Ada Lovelace");
    let alan = || Actor::employee("e-7").named("Alan Turing");
    let sync = || Actor::service("upwork").named("Upwork Sync");
    let support = || Actor::user("s-3").named("Katherine Johnson").on_behalf_of(ada());
    let ctx = |actor: Option<Actor>, organization: &str| -> Result<Context> {
        let ctx = Context::for_tenant(tenant)?.with_organization(organization);
        Ok(match actor {
            Some(actor) => ctx.with_actor(actor),
            None => ctx,
        })
    };
    let ago = |hours: i64, minutes: i64| -> Result<Timestamp> {
        Ok(now.checked_sub(hours.hours().minutes(minutes))?)
    };

    let founding = ctx(Some(grace()), "analytical-engines")?;
    let activity = Activity::new("created", "Organization").id("o-1").named("Analytical Engines");
    let activity = activity
        .describe("founded the organization Analytical Engines")
        .data(json!({"name": "Analytical Engines", "country": "GB", "currency": "GBP", "seats": 25}));
    log.record(&founding, activity.occurred_at(ago(53, 12)?)).await?;

    let activity = Activity::new("invited", "User").id("u-42").named("Ada Lovelace");
    let activity = activity
        .describe("invited Ada Lovelace as an administrator")
        .data(json!({"email": "[redacted]", "role": "administrator", "expires": "7 days"}));
    log.record(&founding, activity.occurred_at(ago(52, 48)?)).await?;

    let joining = ctx(Some(ada()), "analytical-engines")?;
    let activity = Activity::new("accepted", "Invite").id("i-9").named("Ada Lovelace");
    let activity = activity.describe("accepted the invitation to Analytical Engines");
    log.record(&joining, activity.occurred_at(ago(50, 5)?)).await?;

    let sync_ctx = ctx(Some(sync()), "analytical-engines")?;
    let activity = Activity::new("synced", "Integration").id("upwork").named("Upwork");
    let activity = activity
        .describe("could not fetch the work diary: the access token has expired")
        .data(json!({"attempt": 3, "status": 401, "next_attempt": "in 15 minutes"}))
        .outcome(Outcome::Failed);
    log.record(&sync_ctx, activity.occurred_at(ago(29, 31)?)).await?;

    let activity = Activity::new("synced", "Integration").id("upwork").named("Upwork");
    let activity = activity
        .describe("imported 148 work diary rows, and left out 2 that are malformed")
        .data(json!({"rows": 148, "malformed": [17, 92], "seconds": 3.4}));
    log.record(&sync_ctx, activity.occurred_at(ago(27, 2)?)).await?;

    let activity = Activity::new("deleted", "TimeLog").id("t-311").named("Tuesday 14:00–16:30");
    let activity = activity
        .describe("deleted the time log Tuesday 14:00–16:30")
        .data(json!({"hours": 2.5, "project": "Difference Engine"}));
    log.record(&ctx(Some(alan()), "analytical-engines")?, activity.occurred_at(ago(25, 40)?)).await?;

    let denied = Activity::new("exported", "Payroll").named("October");
    let denied = denied.describe("was not allowed to export the payroll of October").outcome(Outcome::Denied);
    log.record(&ctx(Some(alan()), "analytical-engines")?, denied.occurred_at(ago(4, 20)?)).await?;

    hire(log, &ctx(Some(ada()), "analytical-engines")?, ago(2, 14)?).await?;

    let activity = Activity::new("updated", "Employee").id("e-12").named("Margaret Hamilton");
    let activity = activity.describe("changed Margaret Hamilton’s contract").changes(changes(
        json!({"position": "Engineer", "hours": 32, "address": {"city": "Boston"}, "manager": "Alan Turing"}),
        json!({"position": "Lead Engineer", "hours": 40, "address": {"city": "Cambridge"}}),
    )?);
    log.record(&ctx(Some(support()), "analytical-engines")?, activity.occurred_at(ago(0, 41)?)).await?;

    let activity = Activity::new("approved", "Timesheet").id("ts-47").named("Week 47");
    let activity = activity
        .describe("approved Alan Turing’s timesheet for week 47")
        .data(json!({"hours": 38.5, "overtime": 0, "note": "Thank you!"}));
    log.record(&ctx(Some(grace()), "analytical-engines")?, activity.occurred_at(ago(0, 6)?)).await?;
    Ok(())
}

/// What one request causes, each step caused by another.
async fn hire(log: &ActivityLog, request: &Context, at: Timestamp) -> Result<()> {
    let id = request.correlation_id();
    let later = |milliseconds| at + SignedDuration::from_millis(milliseconds);
    let step = |actor: Actor| -> Result<Context> {
        let tenant = request.tenant().clone();
        Ok(Context::new(tenant)
            .with_actor(actor)
            .with_correlation_id(id)
            .with_organization(request.organization().unwrap_or_default()))
    };
    let hired = Activity::new("created", "Employee").id("e-12").named("Margaret Hamilton");
    let hired = hired
        .describe("created a new Employee called Margaret Hamilton")
        .data(json!({"full_name": "Margaret Hamilton", "email": "[redacted]", "position": "Engineer", "hours": 32}));
    log.record(request, hired.occurred_at(later(0))).await?;
    let mail = Activity::new("sent", "Email").id("m-88").named("Welcome aboard");
    let mail = mail.describe("sent the e-mail “Welcome aboard”").data(json!({"template": "welcome", "to": "[redacted]"}));
    log.record(&step(Actor::service("mailer").named("Mail Room"))?, mail.occurred_at(later(38))).await?;
    let task = Activity::new("created", "Task").id("k-5").named("Show Margaret around");
    let task = task.describe("planned the task Show Margaret around");
    log.record(&step(Actor::service("planner").named("First Day Planner"))?, task.occurred_at(later(41))).await?;
    let assigned = Activity::new("assigned", "Task").id("k-5").named("Show Margaret around");
    let assigned = assigned.describe("assigned Show Margaret around to Alan Turing").changes(changes(
        json!({"assignee": null}),
        json!({"assignee": "Alan Turing"}),
    )?);
    log.record(&step(Actor::service("planner").named("First Day Planner"))?, assigned.occurred_at(later(640))).await?;
    Ok(())
}

fn changes(old: Value, new: Value) -> Result<Changes> {
    Ok(Changes::between(&old, &new)?)
}
