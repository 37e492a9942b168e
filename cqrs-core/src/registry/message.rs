//! Messages that exist.

use std::fmt;

use super::Source;
use crate::message::{Command, Event, Query};
use crate::middleware::Validator;
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
    pub(crate) validator: fn() -> Option<Validator>,
}

inventory::collect!(MessageRegistration);

impl MessageRegistration {
    const fn new(
        kind: MessageKind,
        name: &'static str,
        message: fn() -> TypeRef,
        source: Source,
    ) -> Self {
        Self { kind, name, message, source, validator: || None }
    }

    /// Says how to find the message's [`Validate`](crate::middleware::Validate), if it has one.
    pub const fn validated_by(mut self, validator: fn() -> Option<Validator>) -> Self {
        self.validator = validator;
        self
    }

    /// The event `E`.
    pub const fn event<E: Event>(source: Source) -> Self {
        Self::new(MessageKind::Event, E::NAME, TypeRef::of::<E>, source)
    }

    /// The command `C`.
    pub const fn command<C: Command>(source: Source) -> Self {
        Self::new(MessageKind::Command, C::NAME, TypeRef::of::<C>, source)
    }

    /// The query `Q`.
    pub const fn query<Q: Query>(source: Source) -> Self {
        Self::new(MessageKind::Query, Q::NAME, TypeRef::of::<Q>, source)
    }
}
