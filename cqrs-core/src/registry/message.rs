//! The registration of messages.

use std::any::Any;

use super::Source;
use crate::message::{
    AnyEvent, Command, Decode, Decoder, Event, MessageKind, Query, StreamQuery, Validator,
};
use crate::services::TypeRef;

/// A message type, as its derive submits it.
#[derive(Debug, Clone, Copy)]
pub struct MessageRegistration {
    pub(crate) kind: MessageKind,
    pub(crate) name: &'static str,
    pub(crate) message: fn() -> TypeRef,
    pub(crate) source: Source,
    pub(crate) validator: fn() -> Option<Validator>,
    /// How a command is executed from JSON, if it allows that.
    pub(crate) from_json: Option<&'static (dyn Any + Send + Sync)>,
    /// Of an event, as the next three.
    pub(crate) version: Option<u32>,
    pub(crate) entity: Option<&'static str>,
    pub(crate) action: Option<&'static str>,
    pub(crate) decode: Option<Decode>,
    /// Of a command or query, as its error.
    pub(crate) output: Option<fn() -> TypeRef>,
    pub(crate) error: Option<fn() -> TypeRef>,
    /// The permissions that its caller needs; `None` if it does not declare them.
    pub(crate) requires: Option<&'static [&'static str]>,
    /// Whether a command is executed once for each idempotency key.
    pub(crate) is_idempotent: bool,
}

inventory::collect!(MessageRegistration);

impl MessageRegistration {
    const fn new<M: 'static>(kind: MessageKind, name: &'static str, source: Source) -> Self {
        Self {
            kind,
            name,
            message: TypeRef::of::<M>,
            source,
            validator: || None,
            from_json: None,
            version: None,
            entity: None,
            action: None,
            decode: None,
            output: None,
            error: None,
            requires: None,
            is_idempotent: false,
        }
    }

    /// Allows that the message is executed from JSON; `execute` is a `JsonCommand`.
    pub const fn from_json(mut self, execute: &'static (dyn Any + Send + Sync)) -> Self {
        self.from_json = Some(execute);
        self
    }

    /// Adds the function that finds the message's [`Validate`](crate::middleware::Validate), if it has one.
    pub const fn validated_by(mut self, validator: fn() -> Option<Validator>) -> Self {
        self.validator = validator;
        self
    }

    /// The event `E`.
    pub const fn event<E: Event>(source: Source) -> Self {
        Self {
            version: Some(E::VERSION),
            entity: E::ENTITY,
            action: E::ACTION,
            decode: Some(AnyEvent::decode::<E>),
            ..Self::new::<E>(MessageKind::Event, E::NAME, source)
        }
    }

    /// How the event is read, if it is one.
    pub(crate) fn decoder(&self) -> Option<Decoder> {
        let (name, event) = (self.name, (self.message)().id());
        Some(Decoder { name, event, version: self.version?, decode: self.decode? })
    }

    /// The command `C`.
    pub const fn command<C: Command>(source: Source) -> Self {
        Self {
            output: Some(TypeRef::of::<C::Output>),
            error: Some(TypeRef::of::<C::Error>),
            requires: C::REQUIRES,
            is_idempotent: C::IDEMPOTENT.is_some(),
            ..Self::new::<C>(MessageKind::Command, C::NAME, source)
        }
    }

    /// The query `Q`, whose answer is a stream.
    pub const fn stream_query<Q: StreamQuery>(source: Source) -> Self {
        Self {
            output: Some(TypeRef::of::<Q::Row>),
            error: Some(TypeRef::of::<Q::Error>),
            requires: Q::REQUIRES,
            ..Self::new::<Q>(MessageKind::Query, Q::NAME, source)
        }
    }

    /// The query `Q`.
    pub const fn query<Q: Query>(source: Source) -> Self {
        Self {
            output: Some(TypeRef::of::<Q::Output>),
            error: Some(TypeRef::of::<Q::Error>),
            requires: Q::REQUIRES,
            ..Self::new::<Q>(MessageKind::Query, Q::NAME, source)
        }
    }
}
