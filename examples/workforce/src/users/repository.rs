//! Users in the database.

use cqrs_core::prelude::*;

use super::User;
use crate::db::{Db, DbError, Tx, now, params};

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

    /// The user and the hash of their password.
    pub(super) async fn find_by_email(
        &self,
        ctx: &Context,
        email: &str,
    ) -> Result<Option<(User, String)>, DbError> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND email = ?";
        let row = self.db.row(sql, params![ctx.tenant(), email]).await?;
        row.map(|row| Ok((User::from_row(&row)?, row.text("password_hash")?))).transpose()
    }

    pub(super) async fn rename(
        &self,
        ctx: &Context,
        id: Uuid,
        full_name: &str,
    ) -> Result<(), DbError> {
        let sql = "UPDATE users SET full_name = ? WHERE tenant = ? AND id = ?";
        self.db.execute(sql, params![full_name, ctx.tenant(), id]).await?;
        Ok(())
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
