//! Two tenants with something in them, made as any other: by commands.

use cqrs_core::prelude::*;

use crate::access::Role;
use crate::demo_work;
use crate::employees::{CreateEmployee, EmployeeStatus, ListEmployees, UpdateEmployee};
use crate::failure::Failure;
use crate::organizations::CreateOrganization;
use crate::paging::PageParams;
use crate::users::{
    AcceptInvite, AnyTenant, CreateInvite, FindTenant, FindUser, IssueInviteToken, ListInvites,
    RegisterTenant,
};

/// Who can sign in by one click.
pub(crate) struct DemoUser {
    pub(crate) tenant: &'static str,
    pub(crate) full_name: &'static str,
    pub(crate) initials: &'static str,
    pub(crate) role: &'static str,
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
}

/// No secret: whoever fills a database with demo tenants lets everybody in.
const PASSWORD: &str = "demo-password";

pub(crate) const USERS: &[DemoUser] = &[
    user("acme", "Ada Lovelace", "AL", "owner", "ada@acme.example"),
    user("acme", "Grace Hopper", "GH", "member", "grace@acme.example"),
    user("globex", "Katherine Johnson", "KJ", "owner", "katherine@globex.example"),
];

const fn user(
    tenant: &'static str,
    full_name: &'static str,
    initials: &'static str,
    role: &'static str,
    email: &'static str,
) -> DemoUser {
    DemoUser { tenant, full_name, initials, role, email, password: PASSWORD }
}

struct Tenant {
    id: &'static str,
    company: &'static str,
    /// Name, e-mail address and title.
    employees: &'static [(&'static str, &'static str, &'static str)],
    organization: &'static str,
}

const TENANTS: &[Tenant] = &[
    Tenant {
        id: "acme",
        company: "Acme Engines",
        employees: &[
            ("Grace Hopper", "grace@acme.example", "Compilers"),
            ("Alan Turing", "alan@acme.example", "Research"),
            ("Radia Perlman", "radia@acme.example", "Networks"),
            ("Hélène Dupré", "helene@acme.example", "Operations"),
        ],
        organization: "Acme Research",
    },
    Tenant {
        id: "globex",
        company: "Globex Flight",
        employees: &[
            ("Dorothy Vaughan", "dorothy@globex.example", "Programming"),
            ("Mary Jackson", "mary@globex.example", "Wind tunnel"),
        ],
        organization: "Globex Orbit",
    },
];

/// How the demo users sign in, in one line.
pub(crate) fn users() -> String {
    let users = USERS.iter().map(|user| format!("{} of `{}`", user.email, user.tenant));
    format!("{}; password `{PASSWORD}`", users.collect::<Vec<_>>().join(", "))
}

/// Fills a database in which there is no tenant.
pub(crate) async fn fill(app: &App) -> Result<(), Failure> {
    if app.queries().execute(&Context::system(), AnyTenant).await? {
        return Ok(());
    }
    for tenant in TENANTS {
        fill_tenant(app, tenant).await?;
    }
    Ok(())
}

/// Whether the demo tenants are in the database.
pub(crate) async fn is_there(app: &App) -> Result<bool, Failure> {
    for tenant in TENANTS {
        if !app.queries().execute(&scope(tenant)?, FindTenant).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn fill_tenant(app: &App, tenant: &Tenant) -> Result<(), Failure> {
    let scope = scope(tenant)?;
    let Some(founder) = USERS.iter().find(|user| user.tenant == tenant.id) else {
        return Ok(());
    };
    let registration = RegisterTenant {
        company: tenant.company.to_owned(),
        full_name: founder.full_name.to_owned(),
        email: founder.email.to_owned(),
        password: founder.password.to_owned(),
    };
    let id = app.commands().execute(&scope, registration).await?.user.id;
    app.idle().await; // Their organization is founded by a reaction.

    let founder = app.queries().execute(&scope, FindUser { id }).await?;
    let founder = founder.ok_or(Failure::NotFound("founder"))?;
    let actor = Actor::user(founder.id).named(founder.full_name);
    let ctx = Role::Owner.join(scope.clone().with_actor(actor));
    let ctx = match founder.organization_id {
        Some(id) => ctx.with_organization(id),
        None => ctx,
    };
    // Each a request of its own, as from a browser: the next command is not caused by the last.
    for (full_name, email, title) in tenant.employees {
        let (full_name, email, title) =
            (full_name.to_string(), email.to_string(), title.to_string());
        let command = CreateEmployee { full_name, email, title, organization_id: None };
        app.commands().execute(&request(&ctx), command).await?;
    }
    app.idle().await; // They are invited by a reaction.
    accept_invites(app, &scope).await?;
    app.idle().await;
    demo_work::fill(app, || request(&ctx)).await?;
    app.idle().await;
    grow(app, &ctx, tenant).await
}

/// Those who are demo users accept their invites.
async fn accept_invites(app: &App, scope: &Context) -> Result<(), Failure> {
    let invites = app.queries().execute(scope, ListInvites::default()).await?;
    for invite in invites.items {
        let Some(user) = USERS.iter().find(|user| user.email == invite.email) else {
            continue;
        };
        let command = IssueInviteToken { invite_id: invite.id, email: invite.email };
        let token = app.commands().execute(scope, command).await?;
        let command = AcceptInvite { token, password: user.password.to_owned() };
        app.commands().execute(&request(scope), command).await?;
    }
    Ok(())
}

/// What happened last, so that whoever looks at the newest activity sees some of everything: a timesheet is
/// approved, an organization is founded, an accountant is invited, and the last one who was added gets another
/// title.
async fn grow(app: &App, ctx: &Context, tenant: &Tenant) -> Result<(), Failure> {
    demo_work::settle_another(app, || request(ctx)).await?;
    let name = tenant.organization.to_owned();
    app.commands().execute(&request(ctx), CreateOrganization { name }).await?;
    let email = format!("luca@{}.example", tenant.id);
    let command = CreateInvite { full_name: "Luca Pacioli".to_owned(), email };
    app.commands().execute(&request(ctx), command).await?;
    let page = PageParams { limit: Some(1), after: None };
    let newest = app.queries().execute(ctx, ListEmployees { page }).await?.items;
    for employee in newest {
        let title = Some(format!("Head of {}", employee.title));
        let status = Some(EmployeeStatus::Active).filter(|_| tenant.id == "globex");
        let command = UpdateEmployee { id: employee.id, title, status, ..Default::default() };
        app.commands().execute(&request(ctx), command).await?;
    }
    app.idle().await;
    Ok(())
}

fn scope(tenant: &Tenant) -> Result<Context, Failure> {
    Context::for_tenant(tenant.id).map_err(|error| Failure::Internal(error.to_string()))
}

/// The same tenant and actor, at the beginning of something new.
fn request(ctx: &Context) -> Context {
    let mut request = Context::new(ctx.tenant().clone());
    if let Some(actor) = ctx.actor() {
        request = request.with_actor(actor.clone());
    }
    if let Some(organization) = ctx.organization() {
        request = request.with_organization(organization);
    }
    Role::of(ctx).join(request)
}
