//! Whether an invite can be accepted.

use cqrs_core::prelude::*;

use super::accept_invite::OPEN_INVITE;
use super::repository::UserRepository;
use super::{Invite, Token};
use crate::db::{now, params};
use crate::failure::Failure;

/// The invite that this token accepts, if it is open.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Invite>, error = Failure)]
pub struct FindOpenInvite {
    /// What the invitation e-mail holds; of the context's tenant.
    pub token: Token,
}

#[query_handler(FindOpenInvite)]
struct FindOpenInviteHandler {
    users: Arc<UserRepository>,
    queries: QueryBus,
}

impl QueryHandler<FindOpenInvite> for FindOpenInviteHandler {
    async fn execute(
        &self,
        query: FindOpenInvite,
        ctx: &Context,
    ) -> Result<Option<Invite>, Failure> {
        let values = params![ctx.tenant(), query.token.hash(), now()];
        let row = self.users.db.row(OPEN_INVITE, values).await?;
        let invite = row.as_ref().map(Invite::from_row).transpose()?;
        let is_open = match &invite {
            Some(invite) => invite.is_still_meant(ctx, &self.queries).await?,
            None => false,
        };
        Ok(invite.filter(|_| is_open))
    }
}
