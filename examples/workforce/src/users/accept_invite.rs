//! Accepting an invite.

use std::fmt;

use cqrs_core::prelude::*;

use super::repository::UserRepository;
use super::session::acting;
use super::{Invite, InviteAccepted, Passwords, Sessions, SignedIn, Token, User, UserRegistered};
use crate::access::Role;
use crate::db::{now, params};
use crate::failure::Failure;
use crate::fields::Fields;

/// Makes whoever was invited a user, and signs them in.
#[derive(Clone, Command)]
#[command(output = SignedIn, error = Failure)]
pub struct AcceptInvite {
    /// What the invitation e-mail holds; of the context's tenant.
    pub token: Token,
    /// The new user's password, 8 characters to 256 bytes.
    pub password: String,
}

#[command_handler(AcceptInvite)]
struct AcceptInviteHandler {
    users: Arc<UserRepository>,
    passwords: Arc<Passwords>,
    sessions: Arc<Sessions>,
    queries: QueryBus,
    events: EventBus,
}

pub(super) const OPEN_INVITE: &str = "SELECT * FROM invites
     WHERE tenant = ? AND token_hash = ? AND accepted_at IS NULL AND expires_at > ?";

impl CommandHandler<AcceptInvite> for AcceptInviteHandler {
    async fn execute(&self, command: AcceptInvite, ctx: &Context) -> Result<SignedIn, Failure> {
        let mut fields = Fields::default();
        fields.password("password", &command.password);
        fields.finish()?;
        let place = self.passwords.place()?;
        let unknown = || Failure::NotFound("open invite; ask for another one");
        let invite = params![ctx.tenant(), command.token.hash(), now()];
        // Before the costly hash, and without keeping others from writing.
        let row = self.users.db.row(OPEN_INVITE, invite.clone()).await?.ok_or_else(unknown)?;
        let found = Invite::from_row(&row)?;
        if !found.is_still_meant(ctx, &self.queries).await? {
            return Err(unknown());
        }
        let password_hash = self.passwords.hash(command.password, place).await?;
        // Once more: that took a while.
        if !found.is_still_meant(ctx, &self.queries).await? {
            return Err(unknown());
        }

        let mut tx = self.users.db.begin().await?;
        let row = tx.lock(OPEN_INVITE, invite).await?.ok_or_else(unknown)?;
        let invite = Invite::from_row(&row)?;
        let user = User {
            id: Uuid::now_v7(),
            organization_id: invite.organization_id,
            full_name: invite.full_name,
            email: invite.email,
            role: Role::Member,
            created_at: now(),
        };
        if !UserRepository::insert(&mut tx, ctx, &user, password_hash).await? {
            return Err(Failure::Conflict("a user has this e-mail address".to_owned()));
        }
        let sql =
            "UPDATE invites SET accepted_at = ?, token_hash = NULL WHERE tenant = ? AND id = ?";
        tx.execute(sql, params![user.created_at, ctx.tenant(), invite.id]).await?;
        tx.commit().await?;

        let acting = acting(ctx, &user);
        self.events.publish(&acting, UserRegistered::from(&user)).await?;
        let accepted = InviteAccepted {
            invite_id: invite.id,
            user_id: user.id,
            full_name: user.full_name.clone(),
            employee_id: invite.employee_id,
            invited_by: invite.invited_by,
        };
        self.events.publish(&acting, accepted).await?;
        let token = self.sessions.open(ctx, &user).await?;
        Ok(SignedIn { token, user })
    }
}

impl fmt::Debug for AcceptInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptInvite").field("token", &self.token).finish_non_exhaustive()
    }
}
