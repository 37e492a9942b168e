//! What can be asked about users and tenants.

use cqrs_core::prelude::*;

use super::User;
use super::repository::UserRepository;
use crate::failure::Failure;

/// One user.
#[derive(Debug, Clone, Query)]
#[query(output = Option<User>, error = Failure)]
pub struct FindUser {
    /// Who.
    pub id: Uuid,
}

#[query_handler(FindUser)]
struct FindUserHandler {
    users: Arc<UserRepository>,
}

impl QueryHandler<FindUser> for FindUserHandler {
    async fn execute(&self, query: FindUser, ctx: &Context) -> Result<Option<User>, Failure> {
        Ok(self.users.find(ctx, query.id).await?)
    }
}

/// The user who signs in with this e-mail address.
#[derive(Debug, Clone, Query)]
#[query(output = Option<User>, error = Failure)]
pub struct FindUserByEmail {
    /// Which; upper case or lower case does not matter.
    pub email: String,
}

#[query_handler(FindUserByEmail)]
struct FindUserByEmailHandler {
    users: Arc<UserRepository>,
}

impl QueryHandler<FindUserByEmail> for FindUserByEmailHandler {
    async fn execute(
        &self,
        query: FindUserByEmail,
        ctx: &Context,
    ) -> Result<Option<User>, Failure> {
        let email = query.email.trim().to_ascii_lowercase();
        Ok(self.users.find_by_email(ctx, &email).await?)
    }
}

/// Whether the context's tenant was registered.
#[derive(Debug, Clone, Copy, Query)]
#[query(output = bool, error = Failure)]
pub struct FindTenant;

#[query_handler(FindTenant)]
struct FindTenantHandler {
    users: Arc<UserRepository>,
}

impl QueryHandler<FindTenant> for FindTenantHandler {
    async fn execute(&self, _: FindTenant, ctx: &Context) -> Result<bool, Failure> {
        Ok(self.users.has_tenant(ctx).await?)
    }
}

/// Whether any tenant was registered; asked in the system scope.
#[derive(Debug, Clone, Copy, Query)]
#[query(output = bool, error = Failure)]
pub struct AnyTenant;

#[query_handler(AnyTenant)]
struct AnyTenantHandler {
    users: Arc<UserRepository>,
}

impl QueryHandler<AnyTenant> for AnyTenantHandler {
    async fn execute(&self, _: AnyTenant, ctx: &Context) -> Result<bool, Failure> {
        Ok(ctx.tenant().is_system() && self.users.has_any_tenant().await?)
    }
}
