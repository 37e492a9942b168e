//! Setting a hook up.

use std::fmt;

use cqrs_core::prelude::*;

use super::hook::HookWithSecret;
use super::repository::GitHubRepository;
use super::{Hook, HookAddress, Secret};
use crate::db::now;
use crate::failure::Failure;
use crate::fields::Fields;

/// Makes an address that GitHub can deliver to, for the organization of who does it.
#[derive(Debug, Clone, Command)]
#[command(name = "set-up.github-hook", output = NewHook, error = Failure)]
pub struct SetUpGitHubHook {
    /// What it is for, such as the repository's name; at most 200 characters.
    pub name: String,
}

/// A hook that was just set up, with what nobody is told a second time.
#[derive(Clone)]
pub struct NewHook {
    /// The hook.
    pub hook: Hook,
    /// The last part of its address.
    pub address: HookAddress,
    /// What to tell GitHub.
    pub secret: String,
}

#[command_handler(SetUpGitHubHook)]
struct SetUpGitHubHookHandler {
    github: Arc<GitHubRepository>,
}

impl CommandHandler<SetUpGitHubHook> for SetUpGitHubHookHandler {
    async fn execute(&self, command: SetUpGitHubHook, ctx: &Context) -> Result<NewHook, Failure> {
        let mut fields = Fields::default();
        let name = fields.line("name", &command.name, Hook::MAX_NAME);
        fields.finish()?;
        let hook = Hook {
            id: Uuid::now_v7(),
            name,
            organization_id: ctx.organization().map(ToOwned::to_owned),
            created_at: now(),
            last_delivery_at: None,
        };
        let address = HookAddress::of(ctx, hook.id);
        let address = address.ok_or(Failure::NotFound("tenant"))?;
        let with_secret = HookWithSecret { hook, secret: Secret::new()? };
        self.github.insert_hook(ctx, &with_secret).await?;
        let HookWithSecret { hook, secret } = with_secret;
        Ok(NewHook { hook, address, secret: secret.reveal().to_owned() })
    }
}

impl fmt::Debug for NewHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewHook").field("hook", &self.hook).finish_non_exhaustive()
    }
}
