//! Handlers that see everything twice and in any order have their effect once.

use std::time::Duration;

use cqrs_core::Context;
use cqrs_core::testing::TestApp;
use workforce::activity::in_memory;
use workforce::config::PublicUrl;
use workforce::db::Db;
use workforce::employees::{CreateEmployee, EmployeeUpdated, ListEmployees};
use workforce::organizations::{ListOrganizations, OrganizationCreated};
use workforce::users::{
    AcceptInvite, FindUser, InviteAccepted, InviteCreated, IssueInviteToken, ListInvites,
    RegisterTenant,
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
    let token = app.execute(&ctx, IssueInviteToken { invite_id: invites[0].id }).await?;
    app.execute(&scope, AcceptInvite { token, password: PASSWORD.into() }).await?;
    app.settled().await;

    assert_eq!(app.dead_letters().len(), 0);
    assert_eq!(app.published::<OrganizationCreated>().len(), 1);
    assert_eq!(app.published::<InviteCreated>().len(), 3);
    assert_eq!(app.published::<InviteAccepted>().len(), 1);
    assert_eq!(app.published::<EmployeeUpdated>().len(), 1);
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
    // Four welcomes, three invitations, one to the founder who invited.
    assert_eq!(mails(folder.path())?.len(), 8);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    db.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_delivered_twice_has_its_effect_once_on_sqlite() -> Result {
    everything_twice(String::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_delivered_twice_has_its_effect_once_on_postgres() -> Result {
    let Some(schema) = Schema::make().await? else {
        return Ok(());
    };
    everything_twice(schema.url()).await?;
    schema.remove().await
}
