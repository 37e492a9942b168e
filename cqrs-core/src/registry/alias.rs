//! Aliases of events: the trait objects as which handlers take them.

use std::any::Any;

use crate::message::Event;
use crate::services::TypeRef;

/// An alias of an event, which `#[event(as = dyn Trait)]` submits: handlers of the trait get the event.
#[derive(Debug, Clone, Copy)]
pub struct EventAlias {
    pub(crate) event: fn() -> TypeRef,
    /// The trait object.
    pub(crate) alias: fn() -> TypeRef,
    /// A [`Cast`] to the trait object.
    pub(crate) cast: &'static (dyn Any + Send + Sync),
}

inventory::collect!(EventAlias);

/// Turns an event into a trait object. Generated code contains the function, because an unsizing coercion cannot be
/// generic.
#[derive(Debug)]
pub struct Cast<T: ?Sized>(fn(&dyn Any) -> Option<&T>);

impl<T: ?Sized> Cast<T> {
    /// `cast` returns the trait object if it gets the event.
    pub const fn new(cast: fn(&dyn Any) -> Option<&T>) -> Self {
        Self(cast)
    }

    /// The event as the trait object.
    pub(super) fn apply<'a>(&self, event: &'a dyn Any) -> &'a T {
        (self.0)(event).expect("events are routed by their type")
    }
}

impl EventAlias {
    /// `E` as a `T`.
    pub const fn of<E: Event, T: ?Sized + 'static>(cast: &'static Cast<T>) -> Self {
        Self { event: TypeRef::of::<E>, alias: TypeRef::of::<T>, cast }
    }
}
