//! The name of a message whose kind is not written down.

use std::fmt;
use std::marker::PhantomData;

use super::{Command, Event, Query, StreamQuery};

/// The message `M` in generated code that knows only its type: one of the traits below finds its name.
///
/// A method is looked up first for the value that it is called on, and then for what that refers to. So each trait is
/// implemented for another number of references, and the traits exclude each other.
#[doc(hidden)]
pub struct AnyKind<M>(PhantomData<fn() -> M>);

impl<M> AnyKind<M> {
    #[doc(hidden)]
    pub const NEW: Self = Self(PhantomData);

    /// Found if none of the traits has it, so that the compiler says what is missing.
    #[doc(hidden)]
    pub fn message_name(&self) -> &'static str
    where
        M: IsMessage,
    {
        M::NAME
    }
}

/// Not implemented: a message is an event, a command or a query.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "neither an event nor a command nor a query",
    note = "derive `Event`, `Command` or `Query` for `{Self}`"
)]
pub trait IsMessage {
    #[doc(hidden)]
    const NAME: &'static str;
}

impl<M> fmt::Debug for AnyKind<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyKind")
    }
}

#[doc(hidden)]
pub trait EventName {
    #[doc(hidden)]
    fn message_name(&self) -> &'static str;
}

impl<M: Event> EventName for &AnyKind<M> {
    fn message_name(&self) -> &'static str {
        M::NAME
    }
}

#[doc(hidden)]
pub trait CommandName {
    #[doc(hidden)]
    fn message_name(&self) -> &'static str;
}

impl<M: Command> CommandName for &&AnyKind<M> {
    fn message_name(&self) -> &'static str {
        M::NAME
    }
}

#[doc(hidden)]
pub trait QueryName {
    #[doc(hidden)]
    fn message_name(&self) -> &'static str;
}

impl<M: Query> QueryName for &&&AnyKind<M> {
    fn message_name(&self) -> &'static str {
        M::NAME
    }
}

#[doc(hidden)]
pub trait StreamQueryName {
    #[doc(hidden)]
    fn message_name(&self) -> &'static str;
}

impl<M: StreamQuery> StreamQueryName for &&&&AnyKind<M> {
    fn message_name(&self) -> &'static str {
        M::NAME
    }
}
