//! Who answers for a tenant.

use cqrs_core::prelude::*;

use super::User;
use crate::access::Role;
use crate::db::{Db, params};
use crate::failure::Failure;

/// The tenant's owner who can sign in, the first if there are several: who approves, and who is told what went wrong.
#[derive(Debug, Clone, Copy, Query)]
#[query(output = Option<User>, error = Failure)]
pub struct FindOwner;

#[query_handler(FindOwner)]
struct FindOwnerHandler {
    db: Db,
}

impl QueryHandler<FindOwner> for FindOwnerHandler {
    async fn execute(&self, _: FindOwner, ctx: &Context) -> Result<Option<User>, Failure> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND role = ?
                       AND disabled_at IS NULL ORDER BY id LIMIT 1";
        let row = self.db.row(sql, params![ctx.tenant(), Role::Owner.as_str()]).await?;
        Ok(row.as_ref().map(User::from_row).transpose()?)
    }
}

/// Whether this user is the tenant's only owner who can sign in: without them, nobody could change
/// anything.
#[derive(Debug, Clone, Copy, Query)]
#[query(output = bool, error = Failure)]
pub struct IsLastOwner {
    /// Who.
    pub user_id: Uuid,
}

#[query_handler(IsLastOwner)]
struct IsLastOwnerHandler {
    db: Db,
}

impl QueryHandler<IsLastOwner> for IsLastOwnerHandler {
    async fn execute(&self, query: IsLastOwner, ctx: &Context) -> Result<bool, Failure> {
        let sql = "SELECT id FROM users WHERE tenant = ? AND role = ? AND disabled_at IS NULL
                   ORDER BY id LIMIT 2";
        let rows = self.db.rows(sql, params![ctx.tenant(), Role::Owner.as_str()]).await?;
        let owners: Vec<Uuid> = rows.iter().map(|row| row.uuid("id")).collect::<Result<_, _>>()?;
        Ok(owners == [query.user_id])
    }
}
