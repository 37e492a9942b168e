//! Handlers that see everything twice and in any order have their effect once.

use std::sync::Arc;
use std::time::Duration;

use cqrs_core::Context;
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::testing::TestApp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use workforce::activity::in_memory;
use workforce::config::PublicUrl;
use workforce::db::Db;
use workforce::employees::{
    CreateEmployee, EmployeeUpdated, FindEmployeeHours, ListEmployees, UpdateEmployee,
};
use workforce::integrations::IntegrationSync;
use workforce::integrations::github::{
    GitHubWebhook, ListTimeLogSuggestions, ReceiveGitHubDelivery, SetUpGitHubHook,
};
use workforce::integrations::upwork::{UpworkImporter, UpworkSync};
use workforce::organizations::{ListOrganizations, OrganizationCreated};
use workforce::time_tracking::{
    ApproveTimesheet, CreateTimeLog, DeleteTimeLog, ListTimesheets, SubmitTimesheet,
    TimeLogCreated, TimeLogDeleted, TimeLogUpdated, TimesheetApproved, TimesheetSubmitted,
    UpdateTimeLog, Week,
};
use workforce::users::{
    AcceptInvite, FindUser, InviteAccepted, InviteCreated, IssueInviteToken, ListInvites,
    RegisterTenant, ResendInvite,
};
use workforce::{Role, application};

use crate::world::{PASSWORD, Result, Schema, config, mails};

async fn everything_twice(database: String) -> Result {
    let folder = tempfile::tempdir()?;
    let database = if database.is_empty() {
        folder.path().join("workforce.db").display().to_string()
    } else {
        database
    };
    let config = config(folder.path(), database);
    let db = Db::open(&config.database).await?;
    let log = in_memory().await?;
    let app = application(&config, &db, &PublicUrl::new("http://localhost"), &log)?;
    let app = TestApp::from_builder(app).shuffle(None).deliver_twice().build()?;

    let scope = Context::for_tenant("acme")?;
    let register = RegisterTenant {
        company: "Acme".into(),
        full_name: "Ada Lovelace".into(),
        email: "ada@acme.example".into(),
        password: PASSWORD.into(),
    };
    let ada = app.execute(&scope, register).await?.user;
    app.settled().await;
    let ada = app.query(&scope, FindUser { id: ada.id }).await?.ok_or("no founder")?;
    let organization = ada.organization_id.ok_or("no organization")?;
    let actor = cqrs_core::Actor::user(ada.id).named(ada.full_name);
    let ctx = Role::Owner.join(scope.clone().with_actor(actor).with_organization(organization));
    for number in 0..3 {
        let command = CreateEmployee {
            full_name: format!("Employee {number}"),
            email: format!("{number}@acme.example"),
            title: String::new(),
            organization_id: None,
        };
        app.execute(&ctx, command).await?;
    }
    app.settled().await;
    let invites = app.query(&ctx, ListInvites::default()).await?.items;
    let (invite_id, email) = (invites[0].id, invites[0].email.clone());
    let token = app.execute(&ctx, IssueInviteToken { invite_id, email }).await?;
    app.execute(&scope, AcceptInvite { token, password: PASSWORD.into() }).await?;
    app.settled().await;
    let employee = invites[1].employee_id.ok_or("no employee")?;
    let corrected = Some("corrected@acme.example".to_owned());
    app.execute(&ctx, UpdateEmployee { id: employee, email: corrected, ..Default::default() })
        .await?;
    app.settled().await;
    app.execute(&ctx, ResendInvite { id: invites[2].id }).await?;
    app.settled().await;

    work(&app, &ctx).await?;

    assert_eq!(app.operations().failed(&DeliveryFilter::all()).await?.len(), 0);
    assert_eq!(app.published::<OrganizationCreated>().len(), 1);
    assert_eq!(app.published::<InviteCreated>().len(), 5);
    assert_eq!(app.published::<InviteAccepted>().len(), 1);
    assert_eq!(app.published::<EmployeeUpdated>().len(), 2);
    let updated = app.published::<EmployeeUpdated>()[0].as_any().clone();
    let changes = updated.redacted_changes().ok_or("no changes")?;
    let status = changes.get("status").ok_or("the status did not change")?;
    assert_eq!(status.to_string(), r#"status: "invited" -> "active""#);
    assert!(!updated.redacted_payload().to_string().contains("@acme.example"));
    let organizations = app.query(&ctx, ListOrganizations::default()).await?.items;
    assert_eq!(organizations.len(), 1);
    assert_eq!(organizations[0].headcount, 4);
    assert_eq!(app.query(&ctx, ListEmployees::default()).await?.items.len(), 4);
    assert_eq!(app.query(&ctx, ListInvites::default()).await?.items.len(), 3);
    // Four welcomes, three invitations and two once more, one to the founder who invited; a timesheet that
    // was submitted and approved, a hook that works, rows that were not imported.
    assert_eq!(mails(folder.path())?.len(), 14);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    db.close().await;
    Ok(())
}

/// Time is tracked, and other programs tell of it.
async fn work(app: &TestApp, ctx: &Context) -> Result {
    let employees = app.query(ctx, ListEmployees::default()).await?.items;
    let employee = &employees[0];
    let log = |hour: i64| CreateTimeLog {
        employee_id: employee.id,
        project: "Site".into(),
        note: String::new(),
        started_at: Week::current().start() + jiff::SignedDuration::from_hours(hour),
        ended_at: None,
        minutes: Some(60),
    };
    let first = app.execute(ctx, log(0)).await?;
    for hour in 1..5 {
        app.execute(ctx, log(hour)).await?;
    }
    let change = UpdateTimeLog { id: first.id, minutes: Some(30), ..Default::default() };
    app.execute(ctx, change).await?;
    let last = app.execute(ctx, log(5)).await?;
    app.execute(ctx, DeleteTimeLog { id: last.id }).await?;
    let sheets = ListTimesheets { employee_id: Some(employee.id), ..Default::default() };
    let sheets = app.query(ctx, sheets).await?.items;
    assert_eq!((sheets.len(), sheets[0].minutes), (1, 270));
    app.execute(ctx, SubmitTimesheet { id: sheets[0].id }).await?;
    app.execute(ctx, ApproveTimesheet { id: sheets[0].id }).await?;

    let hook = app.execute(ctx, SetUpGitHubHook { name: "site".into() }).await?;
    let push = serde_json::json!({
        "ref": "refs/heads/main", "repository": { "full_name": "acme/site" },
        "commits": [{ "message": "m", "timestamp": "2026-03-02T09:00:00Z",
                      "author": { "email": employee.email } }],
    });
    for (guid, kind) in [("1", "ping"), ("2", "push")] {
        let body = push.to_string().into_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(hook.secret.as_bytes())?;
        mac.update(&body);
        let command = ReceiveGitHubDelivery {
            hook_id: hook.hook.id,
            signature: Some(format!("sha256={}", hex::encode(mac.finalize().into_bytes()))),
            guid: guid.into(),
            kind: kind.into(),
            is_form: false,
            body,
        };
        app.execute(ctx, command).await?;
    }
    let file = format!(
        "Date,Start (UTC),Minutes,Email,Contract ID,Contract,Memo\n\
         2026-03-03,09:00,30,{},c1,Site,m\n2026-03-03\n",
        employee.email
    );
    let importer: Arc<UpworkImporter> = app.service()?;
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(file)]);
    let import = importer.import(ctx, "diary.csv", pieces, |_| ()).await?;
    assert_eq!((import.imported, import.failed), (1, 1));
    app.settled().await;

    assert_eq!(app.published::<TimeLogCreated>().len(), 7);
    assert_eq!(app.published::<TimeLogUpdated>().len(), 1);
    assert_eq!(app.published::<TimeLogDeleted>().len(), 1);
    assert_eq!(app.published::<TimesheetSubmitted>().len(), 1);
    assert_eq!(app.published::<TimesheetApproved>().len(), 1);
    assert_eq!(app.published::<GitHubWebhook>().len(), 2);
    assert_eq!(app.published::<UpworkSync>().len(), 1);
    assert_eq!(app.published::<IntegrationSync>().len(), 3);
    let hours = FindEmployeeHours { employee_id: employee.id };
    assert_eq!(app.query(ctx, hours).await?.minutes_this_week, 270);
    let suggestions = app.query(ctx, ListTimeLogSuggestions::default()).await?.items;
    assert_eq!(suggestions.len(), 1);
    for employee in employees {
        let sheets = ListTimesheets { employee_id: Some(employee.id), ..Default::default() };
        assert!(!app.query(ctx, sheets).await?.items.is_empty(), "no timesheet was opened");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_delivered_twice_has_its_effect_once_on_sqlite() -> Result {
    everything_twice(String::new()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn everything_delivered_twice_has_its_effect_once_on_postgres() -> Result {
    let schema = Schema::make().await?;
    everything_twice(schema.url()).await?;
    schema.remove().await
}
