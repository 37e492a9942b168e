//! What the people of a demo tenant have worked, and what other programs know of it.

use std::convert::Infallible;

use cqrs_core::prelude::*;
use futures_util::stream;
use jiff::{Timestamp, ToSpan as _};

use crate::employees::{Employee, ListEmployees};
use crate::failure::Failure;
use crate::integrations::github::{NewHook, ReceiveGitHubDelivery, Secret, SetUpGitHubHook};
use crate::integrations::upwork::{ImportError, UpworkImporter};
use crate::paging::PageParams;
use crate::time_tracking::{
    ApproveTimesheet, CreateTimeLog, ListTimesheets, SubmitTimesheet, UpdateTimeLog, Week,
};

const SAMPLE: &str = include_str!("../samples/upwork-work-diary.csv");

/// `request` makes the context of one more request of the owner.
pub(crate) async fn fill(app: &App, request: impl Fn() -> Context) -> Result<(), Failure> {
    let page = PageParams { limit: Some(50), after: None };
    let employees = app.queries().execute(&request(), ListEmployees { page }).await?.items;
    for (number, employee) in employees.iter().enumerate() {
        let (this_week, last_week) = weeks();
        track(app, &request, employee, last_week, 4).await?;
        track(app, &request, employee, this_week, 1).await?;
        if number < 2 {
            settle(app, &request, employee, Week::of(last_week), number == 0).await?;
        }
    }
    connect_github(app, &request, &employees).await?;
    // The sample is of people of one of the demo tenants.
    if employees.iter().any(|employee| SAMPLE.contains(&employee.email)) {
        import_sample(app, &request()).await?;
    }
    Ok(())
}

/// The last week of one more employee is submitted and approved.
pub(crate) async fn settle_another(
    app: &App,
    request: impl Fn() -> Context,
) -> Result<(), Failure> {
    let page = PageParams { limit: Some(3), after: None };
    let employees = app.queries().execute(&request(), ListEmployees { page }).await?.items;
    match employees.get(2) {
        Some(employee) => settle(app, &request, employee, Week::of(weeks().1), true).await,
        None => Ok(()),
    }
}

/// The beginning of this week and of the last.
fn weeks() -> (Timestamp, Timestamp) {
    let this_week = Week::current().start();
    (this_week, this_week.checked_sub((7 * 24).hours()).unwrap_or(this_week))
}

/// Some days of work, one of them corrected.
async fn track(
    app: &App,
    request: &impl Fn() -> Context,
    employee: &Employee,
    week: Timestamp,
    days: i64,
) -> Result<(), Failure> {
    let mut last = None;
    for day in 0..days {
        for (hour, minutes, project) in [(9, 180, "Analytical engine"), (13, 210, "Customer care")]
        {
            let started_at = week.checked_add((day * 24 + hour).hours()).unwrap_or(week);
            let command = CreateTimeLog {
                employee_id: employee.id,
                project: project.to_owned(),
                note: String::new(),
                started_at,
                ended_at: None,
                minutes: Some(minutes),
            };
            last = Some(app.commands().execute(&request(), command).await?.id);
        }
    }
    if let Some(id) = last {
        let (note, minutes) = (Some("stayed longer".to_owned()), Some(240));
        let command = UpdateTimeLog { id, note, minutes, ..Default::default() };
        app.commands().execute(&request(), command).await?;
    }
    Ok(())
}

async fn settle(
    app: &App,
    request: &impl Fn() -> Context,
    employee: &Employee,
    week: Week,
    approve: bool,
) -> Result<(), Failure> {
    let query = ListTimesheets { employee_id: Some(employee.id), page: PageParams::default() };
    let timesheets = app.queries().execute(&request(), query).await?.items;
    for timesheet in timesheets.into_iter().filter(|it| it.week == week) {
        let id = timesheet.id;
        app.commands().execute(&request(), SubmitTimesheet { id }).await?;
        if approve {
            app.commands().execute(&request(), ApproveTimesheet { id }).await?;
        }
    }
    Ok(())
}

/// A hook, and what GitHub would have delivered to it.
async fn connect_github(
    app: &App,
    request: &impl Fn() -> Context,
    employees: &[Employee],
) -> Result<(), Failure> {
    let repository = format!("{}/engine", request().tenant());
    let command = SetUpGitHubHook { name: repository.clone() };
    let NewHook { hook, secret, .. } = app.commands().execute(&request(), command).await?;
    let secret = Secret::stored(secret);
    let commits = employees.iter().take(2).map(|employee| {
        serde_json::json!({
            "message": "Carry the one",
            "timestamp": Timestamp::now().checked_sub(3.hours()).unwrap_or_default(),
            "author": { "name": employee.full_name, "email": employee.email },
        })
    });
    let commits: Vec<_> = commits.collect();
    let url = format!("https://github.com/{repository}");
    let about = serde_json::json!({ "full_name": repository });
    for (kind, body) in [
        ("ping", serde_json::json!({ "zen": "Keep it logically awesome.", "repository": about })),
        (
            "push",
            serde_json::json!({
                "ref": "refs/heads/main", "compare": format!("{url}/compare/a...b"),
                "repository": about, "commits": commits,
            }),
        ),
        (
            "issues",
            serde_json::json!({
                "action": "opened", "repository": about,
                "issue": { "number": 1, "title": "The mill jams", "html_url": format!("{url}/issues/1") },
            }),
        ),
        ("star", serde_json::json!({ "action": "created", "repository": about })),
    ] {
        let body = body.to_string().into_bytes();
        let command = ReceiveGitHubDelivery {
            hook_id: hook.id,
            signature: secret.sign(&body),
            guid: Uuid::now_v7().to_string(),
            kind: kind.to_owned(),
            is_form: false,
            body,
        };
        let github = Context::new(request().tenant().clone());
        let github = github.with_actor(Actor::service("github").named("GitHub"));
        app.commands().execute(&github, command).await?;
    }
    Ok(())
}

async fn import_sample(app: &App, ctx: &Context) -> Result<(), Failure> {
    let importer = app.service::<Arc<UpworkImporter>>();
    let importer = importer.map_err(|error| Failure::Internal(error.to_string()))?;
    let pieces = stream::iter([Ok::<_, Infallible>(SAMPLE)]);
    match importer.import(ctx, "upwork-work-diary.csv", pieces, |_| ()).await {
        Ok(_) => Ok(()),
        Err(ImportError::Failed(failure)) => Err(failure),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}
