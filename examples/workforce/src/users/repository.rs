//! Users in the database.

use cqrs_core::prelude::*;

use super::{Invite, User};
use crate::access::Role;
use crate::db::{Db, DbError, Tx, now, params};
use crate::employees::{Employee, EmployeeStatus};

#[derive(Injectable)]
pub(super) struct UserRepository {
    pub(super) db: Db,
}

impl UserRepository {
    /// `false` if there is such a tenant already.
    pub(super) async fn insert_tenant(
        tx: &mut Tx,
        ctx: &Context,
        company: &str,
    ) -> Result<bool, DbError> {
        let inserted = tx
            .execute(
                "INSERT INTO tenants (tenant, company, created_at) VALUES (?, ?, ?)
                 ON CONFLICT DO NOTHING",
                params![ctx.tenant(), company, now()],
            )
            .await?;
        Ok(inserted == 1)
    }

    /// `false` if another user has this e-mail address.
    pub(super) async fn insert(
        tx: &mut Tx,
        ctx: &Context,
        user: &User,
        password_hash: String,
    ) -> Result<bool, DbError> {
        let inserted = tx
            .execute(
                "INSERT INTO users (tenant, id, organization_id, full_name, email, role,
                     password_hash, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, email) DO NOTHING",
                params![
                    ctx.tenant(),
                    user.id,
                    user.organization_id,
                    &user.full_name,
                    &user.email,
                    user.role.as_str(),
                    password_hash,
                    user.created_at,
                ],
            )
            .await?;
        Ok(inserted == 1)
    }

    pub(super) async fn has_tenant(&self, ctx: &Context) -> Result<bool, DbError> {
        let sql = "SELECT tenant FROM tenants WHERE tenant = ?";
        Ok(self.db.row(sql, params![ctx.tenant()]).await?.is_some())
    }

    /// Across tenants, so that only a yes or no comes of it.
    pub(super) async fn has_any_tenant(&self) -> Result<bool, DbError> {
        Ok(self.db.row("SELECT tenant FROM tenants LIMIT 1", params![]).await?.is_some())
    }

    pub(super) async fn find(&self, ctx: &Context, id: Uuid) -> Result<Option<User>, DbError> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(User::from_row).transpose()
    }

    pub(super) async fn find_by_email(
        &self,
        ctx: &Context,
        email: &str,
    ) -> Result<Option<User>, DbError> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND email = ?";
        let row = self.db.row(sql, params![ctx.tenant(), email]).await?;
        row.as_ref().map(User::from_row).transpose()
    }

    /// The user and the hash of their password; `None` also if they may not sign in any more.
    pub(super) async fn find_to_sign_in(
        &self,
        ctx: &Context,
        email: &str,
    ) -> Result<Option<(User, String)>, DbError> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND email = ? AND disabled_at IS NULL";
        let row = self.db.row(sql, params![ctx.tenant(), email]).await?;
        row.map(|row| Ok((User::from_row(&row)?, row.text("password_hash")?))).transpose()
    }

    /// The user of an employee is as the employee is. An address that is another user's stays theirs, and the
    /// last owner who can sign in still can, whoever else leaves at the same moment.
    pub(super) async fn follow(
        &self,
        ctx: &Context,
        id: Uuid,
        employee: &Employee,
    ) -> Result<(), DbError> {
        let (tenant, email) = (ctx.tenant(), &employee.email);
        let mut tx = self.db.begin().await?;
        let has_left = employee.status == EmployeeStatus::Inactive
            && Self::can_be_disabled(&mut tx, ctx, id).await?;
        let sql = "UPDATE users SET full_name = ?, disabled_at = ? WHERE tenant = ? AND id = ?";
        let disabled_at = has_left.then(now);
        tx.execute(sql, params![&employee.full_name, disabled_at, tenant, id]).await?;
        let sql = "UPDATE users SET email = ? WHERE tenant = ? AND id = ? AND NOT EXISTS
                       (SELECT 1 FROM users AS others WHERE tenant = ? AND email = ?)";
        tx.execute(sql, params![email, tenant, id, tenant, email]).await?;
        if has_left {
            let sql = "DELETE FROM sessions WHERE tenant = ? AND user_id = ?";
            tx.execute(sql, params![tenant, id]).await?;
        }
        tx.commit().await
    }

    /// Whether somebody else is an owner who can sign in, or this user is none. Nobody is disabled until the
    /// transaction ends.
    async fn can_be_disabled(tx: &mut Tx, ctx: &Context, id: Uuid) -> Result<bool, DbError> {
        let tenant = "SELECT tenant FROM tenants WHERE tenant = ?";
        tx.lock(tenant, params![ctx.tenant()]).await?;
        let owner = Role::Owner.as_str();
        let is_owner = "SELECT id FROM users WHERE tenant = ? AND id = ? AND role = ?";
        if tx.row(is_owner, params![ctx.tenant(), id, owner]).await?.is_none() {
            return Ok(true);
        }
        let others = "SELECT id FROM users
                      WHERE tenant = ? AND id <> ? AND role = ? AND disabled_at IS NULL LIMIT 1";
        Ok(tx.row(others, params![ctx.tenant(), id, owner]).await?.is_some())
    }

    /// Whether there is an invite to this address, or a user other than this one.
    pub(super) async fn is_invited(
        tx: &mut Tx,
        ctx: &Context,
        email: &str,
        user_id: Option<Uuid>,
    ) -> Result<bool, DbError> {
        let sql = "SELECT id FROM users WHERE tenant = ? AND email = ? AND id <> ?
                   UNION ALL SELECT id FROM invites WHERE tenant = ? AND email = ?";
        let user_id = user_id.unwrap_or_default();
        let values = params![ctx.tenant(), email, user_id, ctx.tenant(), email];
        Ok(tx.row(sql, values).await?.is_some())
    }

    pub(super) async fn find_invite(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<Invite>, DbError> {
        let sql = "SELECT * FROM invites WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(Invite::from_row).transpose()
    }

    /// Those who belong to an organization already stay there.
    pub(super) async fn join_organization(
        &self,
        ctx: &Context,
        id: Uuid,
        organization_id: Uuid,
    ) -> Result<(), DbError> {
        let sql = "UPDATE users SET organization_id = ?
                   WHERE tenant = ? AND id = ? AND organization_id IS NULL";
        self.db.execute(sql, params![organization_id, ctx.tenant(), id]).await?;
        Ok(())
    }
}
