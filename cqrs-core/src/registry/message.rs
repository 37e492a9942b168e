//! Messages that exist.

use std::fmt;

use super::Source;
use crate::message::{Command, Event, Query};
use crate::type_ref::TypeRef;

/// What kind of message a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageKind {
    /// Something happened; any number of handlers react.
    Event,
    /// Something shall change; exactly one handler does it.
    Command,
    /// Something is asked; exactly one handler answers.
    Query,
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Event => "event",
            Self::Command => "command",
            Self::Query => "query",
        })
    }
}

/// A message type, as its derive submits it.
#[derive(Debug, Clone, Copy)]
pub struct MessageRegistration {
    pub(crate) kind: MessageKind,
    pub(crate) name: &'static str,
    pub(crate) message: fn() -> TypeRef,
    pub(crate) source: Source,
}

inventory::collect!(MessageRegistration);

impl MessageRegistration {
    /// The event `E`.
    pub const fn event<E: Event>(source: Source) -> Self {
        Self { kind: MessageKind::Event, name: E::NAME, message: TypeRef::of::<E>, source }
    }

    /// The command `C`.
    pub const fn command<C: Command>(source: Source) -> Self {
        Self { kind: MessageKind::Command, name: C::NAME, message: TypeRef::of::<C>, source }
    }

    /// The query `Q`.
    pub const fn query<Q: Query>(source: Source) -> Self {
        Self { kind: MessageKind::Query, name: Q::NAME, message: TypeRef::of::<Q>, source }
    }
}
