//! Who is signed in.

use cqrs_core::prelude::*;

use super::repository::UserRepository;
use super::{Token, User};
use crate::db::{DbError, now, params};
use crate::failure::Failure;

/// After this long, one has to sign in again.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);

/// The sessions of users.
#[derive(Injectable)]
pub struct Sessions {
    users: Arc<UserRepository>,
}

impl Sessions {
    /// Opens a session; the token is its only trace outside of the database.
    pub(super) async fn open(&self, ctx: &Context, user: &User) -> Result<Token, Failure> {
        let tenant = ctx.tenant_id();
        let tenant = tenant.ok_or_else(|| Failure::Internal("a session needs a tenant".into()))?;
        let token = Token::new(tenant)?;
        let now = now();
        let mut tx = self.users.db.begin().await?;
        // Nobody is disabled between this and the session.
        let enabled = "SELECT id FROM users WHERE tenant = ? AND id = ? AND disabled_at IS NULL";
        if tx.lock(enabled, params![ctx.tenant(), user.id]).await?.is_none() {
            return Err(Failure::Unauthorized("this user cannot sign in any more".to_owned()));
        }
        let gone = "DELETE FROM sessions WHERE tenant = ? AND expires_at <= ?";
        tx.execute(gone, params![ctx.tenant(), now]).await?;
        tx.execute(
            "INSERT INTO sessions (tenant, token_hash, user_id, expires_at) VALUES (?, ?, ?, ?)",
            params![ctx.tenant(), token.hash(), user.id, now + SESSION_LIFETIME],
        )
        .await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The context of whoever has this token, while the session lasts.
    ///
    /// # Errors
    ///
    /// [`DbError`] when the database cannot say.
    pub async fn context(&self, token: &Token) -> Result<Option<Context>, DbError> {
        let tenant = TenantScope::Tenant(token.tenant().clone());
        let row = self
            .users
            .db
            .row(
                "SELECT users.* FROM sessions
                 JOIN users ON users.tenant = sessions.tenant AND users.id = sessions.user_id
                 WHERE sessions.tenant = ? AND token_hash = ? AND expires_at > ?
                     AND users.disabled_at IS NULL",
                params![&tenant, token.hash(), now()],
            )
            .await?;
        let user = row.as_ref().map(User::from_row).transpose()?;
        Ok(user.map(|user| acting(&Context::new(tenant), &user)))
    }

    /// Ends a session; there may be none.
    pub(super) async fn close(&self, token: &Token) -> Result<(), DbError> {
        let tenant = TenantScope::Tenant(token.tenant().clone());
        let sql = "DELETE FROM sessions WHERE tenant = ? AND token_hash = ?";
        self.users.db.execute(sql, params![&tenant, token.hash()]).await?;
        Ok(())
    }
}

/// The same context, in which `user` acts.
pub(super) fn acting(ctx: &Context, user: &User) -> Context {
    let ctx = ctx.clone().with_actor(Actor::user(user.id).named(&user.full_name));
    let ctx = user.role.join(ctx);
    match user.organization_id {
        Some(id) => ctx.with_organization(id),
        None => ctx,
    }
}
