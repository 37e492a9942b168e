//! Activities of a made-up company.

use cqrs_activity_log::{Activity, ActivityLog, Outcome};
use cqrs_core::Changes;
use cqrs_core::prelude::*;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Records a few days of a company's life, up to `now`.
pub(crate) async fn record(log: &ActivityLog, tenant: &str, now: Timestamp) -> Result<()> {
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
    let activity = activity.describe("founded the organization Analytical Engines").data(
        json!({"name": "Analytical Engines", "country": "GB", "currency": "GBP", "seats": 25}),
    );
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
    log.record(&ctx(Some(alan()), "analytical-engines")?, activity.occurred_at(ago(25, 40)?))
        .await?;

    let denied = Activity::new("exported", "Payroll").named("October");
    let denied = denied
        .describe("was not allowed to export the payroll of October")
        .outcome(Outcome::Denied);
    log.record(&ctx(Some(alan()), "analytical-engines")?, denied.occurred_at(ago(4, 20)?)).await?;

    let activity = Activity::new("updated", "Employee").id("e-12").named("Margaret Hamilton");
    let activity = activity.describe("changed Margaret Hamilton’s contract").changes(changes(
        &json!({"position": "Engineer", "hours": 32, "address": {"city": "Boston"}, "manager": "Alan Turing"}),
        &json!({"position": "Lead Engineer", "hours": 40, "address": {"city": "Cambridge"}}),
    )?);
    log.record(&ctx(Some(support()), "analytical-engines")?, activity.occurred_at(ago(0, 41)?))
        .await?;

    let activity = Activity::new("approved", "Timesheet").id("ts-47").named("Week 47");
    let activity = activity
        .describe("approved Alan Turing’s timesheet for week 47")
        .data(json!({"hours": 38.5, "overtime": 0, "note": "Thank you!"}));
    log.record(&ctx(Some(grace()), "analytical-engines")?, activity.occurred_at(ago(0, 6)?))
        .await?;
    Ok(())
}

/// Publishes what one request causes, in an application that keeps `log`. Returns its correlation id, once
/// all of it is recorded.
pub(crate) async fn hire(log: &ActivityLog, tenant: &str) -> Result<Uuid> {
    let app = cqrs_core::App::builder().plugin(log.clone()).build()?;
    app.start().await?;
    let ctx = Context::for_tenant(tenant)?
        .with_actor(Actor::user("u-42").named("Ada Lovelace"))
        .with_organization("analytical-engines");
    let hired = EmployeeCreated {
        employee_id: "e-12".to_owned(),
        full_name: "Margaret Hamilton".to_owned(),
        email: "margaret@example.com".to_owned(),
        position: "Engineer".to_owned(),
        hours: 32,
    };
    app.events().publish(&ctx, hired).await?;
    let report = app.shutdown(Duration::from_secs(10)).await;
    if !report.is_clean() {
        return Err(report.to_string().into());
    }
    Ok(ctx.correlation_id())
}

#[derive(Clone, Serialize, Deserialize, Event)]
#[event(describe = "hired {full_name}")]
struct EmployeeCreated {
    #[event(entity_id)]
    employee_id: String,
    #[event(entity_name)]
    full_name: String,
    #[event(redact)]
    email: String,
    position: String,
    hours: u32,
}

#[derive(Clone, Serialize, Deserialize, Event)]
#[event(describe = "planned the task {title}")]
struct TaskCreated {
    #[event(entity_id)]
    task_id: String,
    #[event(entity_name)]
    title: String,
}

#[derive(Clone, Serialize, Deserialize, Event)]
#[event(describe = "assigned {title} to {assignee}")]
struct TaskAssigned {
    #[event(entity_id)]
    task_id: String,
    #[event(entity_name)]
    title: String,
    assignee: String,
}

#[events_handler(EmployeeCreated)]
struct PlanFirstDay {
    events: EventBus,
    log: ActivityLog,
}

impl EventHandler<EmployeeCreated> for PlanFirstDay {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let mail = Activity::new("sent", "Email").id("m-88").named("Welcome aboard");
        let mail = mail.describe(format!("sent “Welcome aboard” to {}", event.full_name));
        self.log.record(ctx, mail).await?;
        let title = format!("Show {} around", event.full_name);
        self.events.publish(ctx, TaskCreated { task_id: "k-5".to_owned(), title }).await?;
        Ok(())
    }
}

#[events_handler(TaskCreated)]
struct Assign {
    events: EventBus,
}

impl EventHandler<TaskCreated> for Assign {
    async fn handle(&self, event: &TaskCreated, ctx: &Context) -> HandlerResult {
        let TaskCreated { task_id, title } = event.clone();
        let assigned = TaskAssigned { task_id, title, assignee: "Alan Turing".to_owned() };
        self.events.publish(ctx, assigned).await?;
        Ok(())
    }
}

fn changes(old: &Value, new: &Value) -> Result<Changes> {
    Ok(Changes::between(old, new)?)
}
