//! Who may sign in: registration of tenants, users, sessions and invites.

mod accept_invite;
mod attempts;
mod events;
pub(crate) mod http;
mod invite;
mod open_invite;
mod owner;
mod password;
mod queries;
mod reactions;
mod register;
mod repository;
mod session;
mod sign_in;
mod token;
mod user;

pub use self::accept_invite::AcceptInvite;
pub use self::events::{InviteAccepted, InviteCreated, UserRegistered};
pub use self::invite::{CreateInvite, Invite, IssueInviteToken, ListInvites};
pub use self::open_invite::FindOpenInvite;
pub use self::owner::FindOwner;
pub use self::password::{PasswordCost, Passwords};
pub use self::queries::{AnyTenant, FindTenant, FindUser};
pub use self::register::RegisterTenant;
pub use self::session::{SESSION_LIFETIME, Sessions};
pub use self::sign_in::{SignIn, SignOut, SignedIn};
pub use self::token::Token;
pub use self::user::User;
