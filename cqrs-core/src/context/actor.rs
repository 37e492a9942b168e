//! Who caused a message.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// What kind of actor caused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActorKind {
    /// A person with an account.
    User,
    /// A person as a member of an organization's staff.
    Employee,
    /// Another program, such as an integration.
    Service,
    /// The product itself, such as a scheduled job.
    System,
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Who caused a message.
///
/// ```
/// use cqrs_core::Actor;
///
/// let support = Actor::user("support-7").named("Sam").on_behalf_of(Actor::user(42).named("Ada"));
/// assert_eq!(support.to_string(), "Sam (user support-7) on behalf of Ada (user 42)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    kind: ActorKind,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_step")]
    on_behalf_of: Option<Box<Actor>>,
}

impl Actor {
    /// An actor of any kind.
    pub fn new(kind: ActorKind, id: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string(), name: None, on_behalf_of: None }
    }

    /// A person with an account.
    pub fn user(id: impl fmt::Display) -> Self {
        Self::new(ActorKind::User, id)
    }

    /// A member of an organization's staff.
    pub fn employee(id: impl fmt::Display) -> Self {
        Self::new(ActorKind::Employee, id)
    }

    /// Another program.
    pub fn service(id: impl fmt::Display) -> Self {
        Self::new(ActorKind::Service, id)
    }

    /// The product itself.
    pub fn system(id: impl fmt::Display) -> Self {
        Self::new(ActorKind::System, id)
    }

    /// Adds the display name as it is now.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says for whom this actor acts. A principal's own principal is dropped: one step is recorded.
    pub fn on_behalf_of(mut self, mut principal: Actor) -> Self {
        principal.on_behalf_of = None;
        self.on_behalf_of = Some(Box::new(principal));
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The identifier, unique among actors of this kind in the tenant.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The display name, if one was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// For whom this actor acts, if not for itself.
    pub fn principal(&self) -> Option<&Actor> {
        self.on_behalf_of.as_deref()
    }
}

/// A principal's own principal is dropped, also when a context is read back.
fn one_step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Actor>>, D::Error> {
    let mut principal = Option::<Box<Actor>>::deserialize(deserializer)?;
    if let Some(principal) = &mut principal {
        principal.on_behalf_of = None;
    }
    Ok(principal)
}

impl fmt::Display for Actor {
    /// For people and logs; line breaks are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => {
                write!(f, "{} ({} {})", name.escape_debug(), self.kind, self.id.escape_debug())?;
            }
            None => write!(f, "{} {}", self.kind, self.id.escape_debug())?,
        }
        match &self.on_behalf_of {
            Some(principal) => write!(f, " on behalf of {principal}"),
            None => Ok(()),
        }
    }
}
