//! What happens to users and invites.

use cqrs_core::prelude::*;

/// Somebody became a user: by registering a tenant, or by accepting an invite.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "user.registered", entity = "User", action = "registered")]
#[event(describe = "registered")]
pub struct UserRegistered {
    /// Who.
    #[event(entity_id)]
    pub user_id: Uuid,
    /// As they are called.
    #[event(entity_name)]
    pub full_name: String,
    /// Where to reach them.
    #[event(redact = hash)]
    pub email: String,
    /// The company, if they registered it, and so a tenant of its own.
    pub company: Option<String>,
}

/// Somebody was invited to become a user. The event holds no token: who sends the invitation has one
/// issued by [`IssueInviteToken`](super::IssueInviteToken).
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "invite.created", entity = "Invite", action = "created")]
#[event(describe = "invited {full_name}")]
pub struct InviteCreated {
    /// Which invite.
    #[event(entity_id)]
    pub invite_id: Uuid,
    /// Who is invited.
    #[event(entity_name)]
    pub full_name: String,
    /// Where to reach them.
    #[event(redact = hash)]
    pub email: String,
}

/// Somebody accepted an invite.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "invite.accepted", entity = "Invite", action = "accepted")]
#[event(describe = "accepted an invite")]
pub struct InviteAccepted {
    /// Which invite.
    #[event(entity_id)]
    pub invite_id: Uuid,
    /// The user that they are now.
    pub user_id: Uuid,
    /// As they are called.
    #[event(entity_name)]
    pub full_name: String,
    /// The employee that the invite was for, if any.
    pub employee_id: Option<Uuid>,
    /// The user who invited them, if it was one.
    pub invited_by: Option<Uuid>,
}
