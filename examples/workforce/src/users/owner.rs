//! Who answers for a tenant.

use cqrs_core::prelude::*;

use super::User;
use crate::access::Role;
use crate::db::{Db, params};
use crate::failure::Failure;

/// The tenant's owner, the first if there are several: who approves, and who is told what went wrong.
#[derive(Debug, Clone, Copy, Query)]
#[query(output = Option<User>, error = Failure)]
pub struct FindOwner;

#[query_handler(FindOwner)]
struct FindOwnerHandler {
    db: Db,
}

impl QueryHandler<FindOwner> for FindOwnerHandler {
    async fn execute(&self, _: FindOwner, ctx: &Context) -> Result<Option<User>, Failure> {
        let sql = "SELECT * FROM users WHERE tenant = ? AND role = ? ORDER BY id LIMIT 1";
        let row = self.db.row(sql, params![ctx.tenant(), Role::Owner.as_str()]).await?;
        Ok(row.as_ref().map(User::from_row).transpose()?)
    }
}
