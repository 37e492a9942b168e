//! GitHub: webhooks of any kind, and time logs suggested for what was pushed.

mod delivery;
mod events;
mod hook;
pub(crate) mod http;
mod payload;
mod queries;
mod reactions;
mod receive;
mod repository;
mod resume;
mod set_up;
mod signature;
mod suggestion;
mod suggestion_commands;

pub use self::delivery::{DeliveryStatus, GitHubDelivery};
pub use self::events::GitHubWebhook;
pub use self::hook::{Hook, HookAddress};
pub use self::queries::{
    HasGitHubHook, ListGitHubDeliveries, ListGitHubHooks, ListTimeLogSuggestions,
};
pub use self::receive::{ReceiveGitHubDelivery, Received};
pub use self::resume::ResumeGitHub;
pub use self::set_up::{NewHook, SetUpGitHubHook};
pub use self::signature::Secret;
pub use self::suggestion::{SuggestionStatus, TimeLogSuggestion};
pub use self::suggestion_commands::{AcceptTimeLogSuggestion, DismissTimeLogSuggestion};
