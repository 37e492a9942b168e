//! Who may sign in: registration of tenants, users, sessions and invites.

mod accept_invite;
mod attempts;
mod events;
mod follow_employee;
pub(crate) mod http;
mod invite;
mod open_invite;
mod owner;
mod password;
mod password_memory;
mod queries;
mod reactions;
mod register;
mod registrations;
mod repository;
mod resend_invite;
mod session;
mod sign_in;
mod token;
mod typed_password;
mod user;

pub use self::accept_invite::AcceptInvite;
pub use self::events::{InviteAccepted, InviteCreated, UserRegistered};
pub use self::invite::{CreateInvite, Invite, IssueInviteToken, ListInvites};
pub use self::open_invite::FindOpenInvite;
pub use self::owner::{FindOwner, IsLastOwner};
pub use self::password::{PasswordCost, Passwords};
pub use self::queries::{AnyTenant, FindTenant, FindUser, FindUserByEmail};
pub use self::register::RegisterTenant;
pub use self::resend_invite::ResendInvite;
pub use self::session::{SESSION_LIFETIME, Sessions};
pub use self::sign_in::{SignIn, SignOut, SignedIn};
pub use self::token::Token;
pub use self::user::User;
