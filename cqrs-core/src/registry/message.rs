//! The registration of messages.

use super::Source;
use crate::message::{AnyEvent, Command, Decode, Event, MessageKind, Query, Validator};
use crate::services::TypeRef;

/// A message type, as its derive submits it.
#[derive(Debug, Clone, Copy)]
pub struct MessageRegistration {
    pub(crate) kind: MessageKind,
    pub(crate) name: &'static str,
    pub(crate) message: fn() -> TypeRef,
    pub(crate) details: MessageDetails,
    pub(crate) source: Source,
    pub(crate) validator: fn() -> Option<Validator>,
}

inventory::collect!(MessageRegistration);

/// What depends on the kind of the message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MessageDetails {
    Event {
        version: u32,
        entity: Option<&'static str>,
        action: Option<&'static str>,
        decode: Decode,
    },
    Execution { output: fn() -> TypeRef, error: fn() -> TypeRef },
}

impl MessageRegistration {
    const fn new(
        kind: MessageKind,
        name: &'static str,
        message: fn() -> TypeRef,
        details: MessageDetails,
        source: Source,
    ) -> Self {
        Self { kind, name, message, details, source, validator: || None }
    }

    /// Adds the function that finds the message's [`Validate`](crate::middleware::Validate), if it has one.
    pub const fn validated_by(mut self, validator: fn() -> Option<Validator>) -> Self {
        self.validator = validator;
        self
    }

    /// The event `E`.
    pub const fn event<E: Event>(source: Source) -> Self {
        let details =
            MessageDetails::Event {
                version: E::VERSION,
                entity: E::ENTITY,
                action: E::ACTION,
                decode: AnyEvent::decode::<E>,
            };
        Self::new(MessageKind::Event, E::NAME, TypeRef::of::<E>, details, source)
    }

    /// The command `C`.
    pub const fn command<C: Command>(source: Source) -> Self {
        let details = MessageDetails::execution::<C::Output, C::Error>();
        Self::new(MessageKind::Command, C::NAME, TypeRef::of::<C>, details, source)
    }

    /// The query `Q`.
    pub const fn query<Q: Query>(source: Source) -> Self {
        let details = MessageDetails::execution::<Q::Output, Q::Error>();
        Self::new(MessageKind::Query, Q::NAME, TypeRef::of::<Q>, details, source)
    }
}

impl MessageDetails {
    const fn execution<T: 'static, E: 'static>() -> Self {
        Self::Execution { output: TypeRef::of::<T>, error: TypeRef::of::<E> }
    }
}
