//! Invitations to become a user.

use cqrs_core::prelude::*;
use jiff::Timestamp;
use utoipa::ToSchema;

use super::repository::UserRepository;
use super::{InviteCreated, Token, User};
use crate::db::{Db, DbError, Row, Tx, now, params};
use crate::employees::{EmployeeStatus, FindEmployee};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::paging::{Page, PageParams, PageRequest};

/// After this long, an invite cannot be accepted.
pub(super) const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// An invitation to become a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invite {
    /// Time-ordered.
    pub id: Uuid,
    /// The employee it is for, if any.
    pub employee_id: Option<Uuid>,
    /// Where they will work.
    pub organization_id: Option<Uuid>,
    /// The user who invited them, if it was one.
    pub invited_by: Option<Uuid>,
    /// Who is invited.
    pub full_name: String,
    /// Where to reach them; one invite of a tenant for each.
    pub email: String,
    /// Until when it can be accepted.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub accepted_at: Option<Timestamp>,
}

impl Invite {
    pub(super) fn new(ctx: &Context, full_name: String, email: String) -> Self {
        Self {
            id: Uuid::now_v7(),
            employee_id: None,
            organization_id: ctx.organization().and_then(|id| id.parse().ok()),
            invited_by: ctx.actor().and_then(|actor| actor.id().parse().ok()),
            full_name,
            email,
            expires_at: now() + LIFETIME,
            accepted_at: None,
        }
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            employee_id: row.uuid_opt("employee_id")?,
            organization_id: row.uuid_opt("organization_id")?,
            invited_by: row.uuid_opt("invited_by")?,
            full_name: row.text("full_name")?,
            email: row.text("email")?,
            expires_at: row.time("expires_at")?,
            accepted_at: row.time_opt("accepted_at")?,
        })
    }

    /// `false` if this address was invited already, or is a user's.
    pub(super) async fn insert(&self, tx: &mut Tx, ctx: &Context) -> Result<bool, DbError> {
        let sql = "SELECT id FROM users WHERE tenant = ? AND email = ?";
        if tx.row(sql, params![ctx.tenant(), &self.email]).await?.is_some() {
            return Ok(false);
        }
        let inserted = tx
            .execute(
                "INSERT INTO invites (tenant, id, employee_id, organization_id, invited_by,
                     full_name, email, expires_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, email) DO NOTHING",
                params![
                    ctx.tenant(),
                    self.id,
                    self.employee_id,
                    self.organization_id,
                    self.invited_by,
                    &self.full_name,
                    &self.email,
                    self.expires_at,
                ],
            )
            .await?;
        Ok(inserted == 1)
    }

    /// The employee's invite, and nobody else changes it until the transaction ends.
    pub(super) async fn lock_of_employee(
        tx: &mut Tx,
        ctx: &Context,
        employee_id: Uuid,
    ) -> Result<Option<Self>, DbError> {
        let sql = "SELECT * FROM invites WHERE tenant = ? AND employee_id = ?";
        let row = tx.lock(sql, params![ctx.tenant(), employee_id]).await?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// An invite to this address that was for nobody is for this employee; `false` if there is none.
    pub(super) async fn adopt(
        tx: &mut Tx,
        ctx: &Context,
        email: &str,
        employee_id: Uuid,
        organization_id: Option<Uuid>,
    ) -> Result<bool, DbError> {
        let sql = "UPDATE invites SET employee_id = ?, organization_id = ?
                   WHERE tenant = ? AND email = ? AND (employee_id IS NULL OR employee_id = ?)";
        let values = params![employee_id, organization_id, ctx.tenant(), email, employee_id];
        Ok(tx.execute(sql, values).await? == 1)
    }

    /// Whether the employee whom it is for, if any, has not left and has the same address: also before the
    /// invite has followed them.
    pub(super) async fn is_still_meant(
        &self,
        ctx: &Context,
        queries: &QueryBus,
    ) -> Result<bool, Failure> {
        let Some(id) = self.employee_id else {
            return Ok(true);
        };
        let employee = queries.execute(ctx, FindEmployee { id }).await?;
        Ok(employee.is_some_and(|employee| {
            employee.status != EmployeeStatus::Inactive && employee.email == self.email
        }))
    }

    /// Its end is put off until then, and its token is void; `false` if anything about it has changed since it
    /// was read.
    pub(super) async fn renew(
        &self,
        db: &Db,
        ctx: &Context,
        until: Timestamp,
    ) -> Result<bool, DbError> {
        let sql = "UPDATE invites SET expires_at = ?, token_hash = NULL
                   WHERE tenant = ? AND id = ? AND email = ? AND expires_at = ? AND accepted_at IS NULL";
        let values = params![until, ctx.tenant(), self.id, &self.email, self.expires_at];
        Ok(db.execute(sql, values).await? == 1)
    }

    /// Its name, address and end; `false` if it was accepted. A token is void once the end changes.
    pub(super) async fn update_open(&self, tx: &mut Tx, ctx: &Context) -> Result<bool, DbError> {
        let sql = "UPDATE invites SET full_name = ?, email = ?, expires_at = ?,
                       token_hash = CASE WHEN expires_at = ? THEN token_hash END
                   WHERE tenant = ? AND id = ? AND accepted_at IS NULL";
        let (name, email, end) = (&self.full_name, &self.email, self.expires_at);
        let values = params![name, email, end, end, ctx.tenant(), self.id];
        Ok(tx.execute(sql, values).await? == 1)
    }

    /// Its name and address.
    pub(super) async fn update_address(&self, tx: &mut Tx, ctx: &Context) -> Result<(), DbError> {
        let sql = "UPDATE invites SET full_name = ?, email = ? WHERE tenant = ? AND id = ?";
        let values = params![&self.full_name, &self.email, ctx.tenant(), self.id];
        tx.execute(sql, values).await?;
        Ok(())
    }

    pub(super) async fn delete(&self, tx: &mut Tx, ctx: &Context) -> Result<(), DbError> {
        let sql = "DELETE FROM invites WHERE tenant = ? AND id = ?";
        tx.execute(sql, params![ctx.tenant(), self.id]).await?;
        Ok(())
    }
}

/// Invites somebody who is no employee, such as an accountant.
#[derive(Debug, Clone, Command)]
#[command(output = Invite, error = Failure)]
pub struct CreateInvite {
    /// As they are called; at most 200 characters.
    pub full_name: String,
    /// Where to reach them.
    pub email: String,
}

#[command_handler(CreateInvite)]
struct CreateInviteHandler {
    db: Db,
    events: EventBus,
}

impl CommandHandler<CreateInvite> for CreateInviteHandler {
    async fn execute(&self, command: CreateInvite, ctx: &Context) -> Result<Invite, Failure> {
        let mut fields = Fields::default();
        let full_name = fields.line("full_name", &command.full_name, User::MAX_NAME);
        let email = fields.email("email", &command.email);
        fields.finish()?;
        let invite = Invite::new(ctx, full_name, email);
        let mut tx = self.db.begin().await?;
        if !invite.insert(&mut tx, ctx).await? {
            let detail = "this e-mail address was invited already, or is a user's";
            return Err(Failure::Conflict(detail.to_owned()));
        }
        tx.commit().await?;
        self.events.publish(ctx, InviteCreated::from(&invite)).await?;
        Ok(invite)
    }
}

/// Issues the token with which an invite is accepted; one that was issued before is void. There is none
/// for an invite that was accepted, has expired, or is for another address by now.
#[derive(Debug, Clone, Command)]
#[command(output = Token, error = Failure)]
pub struct IssueInviteToken {
    /// Which invite.
    pub invite_id: Uuid,
    /// To which address the token is going to be sent.
    pub email: String,
}

#[command_handler(IssueInviteToken)]
struct IssueInviteTokenHandler {
    db: Db,
}

impl CommandHandler<IssueInviteToken> for IssueInviteTokenHandler {
    async fn execute(&self, command: IssueInviteToken, ctx: &Context) -> Result<Token, Failure> {
        let tenant = ctx.tenant_id().ok_or(Failure::NotFound("invite"))?;
        let token = Token::new(tenant)?;
        let sql = "UPDATE invites SET token_hash = ?
                   WHERE tenant = ? AND id = ? AND email = ? AND accepted_at IS NULL
                       AND expires_at > ?";
        let (id, email) = (command.invite_id, command.email);
        let values = params![token.hash(), ctx.tenant(), id, email, now()];
        match self.db.execute(sql, values).await? {
            0 => Err(Failure::NotFound("open invite")),
            _ => Ok(token),
        }
    }
}

/// A page of the tenant's invites.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<Invite>, error = Failure)]
pub struct ListInvites {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListInvites)]
struct ListInvitesHandler {
    users: Arc<UserRepository>,
}

impl QueryHandler<ListInvites> for ListInvitesHandler {
    async fn execute(&self, query: ListInvites, ctx: &Context) -> Result<Page<Invite>, Failure> {
        let page = PageRequest::new(ctx, "invites", &query.page)?;
        let sql = "SELECT * FROM invites WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let rows =
            self.users.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?;
        let invites = rows.iter().map(Invite::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(invites, |invite: &Invite| invite.id))
    }
}

impl From<&Invite> for InviteCreated {
    fn from(invite: &Invite) -> Self {
        let Invite { id, full_name, email, .. } = invite.clone();
        Self { invite_id: id, full_name, email }
    }
}
