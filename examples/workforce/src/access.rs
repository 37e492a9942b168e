//! Who may do what: one rule, in front of every command.

use cqrs_core::Context;
use cqrs_core::middleware::{Authorize, Call, Middleware, Rejection};
use serde::Serialize;
use utoipa::ToSchema;

/// The attribute of a context that holds the actor's [`Role`].
const ROLE: &str = "role";

/// Commands that only an owner may have executed.
const OWNERS_ONLY: &[&str] = &[
    "create.employee",
    "update.employee",
    "create.organization",
    "create.invite",
    "resend.invite",
    "approve.timesheet",
    "set-up.github-hook",
    "begin.upwork-import",
];

/// What a user is in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything.
    Owner,
    /// May see, and do what concerns themself.
    Member,
}

impl Role {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }

    /// As it was stored; whatever is unknown may do the least.
    pub fn parse(text: &str) -> Self {
        if text == "owner" { Self::Owner } else { Self::Member }
    }

    /// Says so in a context.
    pub fn join(self, ctx: Context) -> Context {
        ctx.clone().with_attribute(ROLE, self.as_str()).unwrap_or(ctx)
    }

    /// What the context's actor is.
    pub fn of(ctx: &Context) -> Self {
        ctx.attribute(ROLE).map_or(Self::Member, Self::parse)
    }
}

/// The rule as a middleware.
pub(crate) fn rule() -> impl Middleware {
    Authorize::by(|call: &Call<'_>| {
        let is_owner = Role::of(call.context()) == Role::Owner;
        if OWNERS_ONLY.contains(&call.name()) && !is_owner {
            return Err(Rejection::forbidden("only an owner may do this"));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::OWNERS_ONLY;
    use crate::activity;
    use crate::cli::offline;
    use crate::config::PublicUrl;
    use crate::db::Db;
    use crate::server::application;

    #[tokio::test]
    async fn every_name_is_a_commands() {
        let url = PublicUrl::new("http://localhost");
        let log = activity::in_memory().await.expect("memory");
        let app = application(&offline(), &Db::unconnected(), &url, &log).expect("a configuration");
        let commands = app.build().expect("it is wired").describe().messages;
        for name in OWNERS_ONLY {
            assert!(commands.iter().any(|command| command.name == *name), "{name} is no command");
        }
    }
}
