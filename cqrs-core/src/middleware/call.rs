//! One call of a handler, as middleware sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::handler::CallError;
use crate::message::AnyEvent;
use crate::message::MessageKind;

/// How a call ended. The handler's own result is not in it: that goes to the caller.
pub type Outcome = Result<(), CallError>;

/// One call of a handler: of a command, of a query, or of one attempt to deliver an event.
pub struct Call<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) name: &'static str,
    pub(crate) handler: &'a str,
    pub(crate) context: Context,
    pub(crate) idempotency_key: Option<Arc<str>>,
    pub(crate) payload: Payload<'a>,
    /// An `Option` of the handler's typed result.
    pub(crate) result: &'a mut (dyn Any + Send),
}

/// The message itself.
pub(crate) enum Payload<'a> {
    Event(&'a AnyEvent),
    /// A command or query, until its handler takes it.
    Message(&'a mut (dyn Slot + Send)),
}

/// An `Option` of a command or query, without its type.
pub(crate) trait Slot {
    fn message(&self) -> Option<&dyn Any>;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<M: Any> Slot for Option<M> {
    fn message(&self) -> Option<&dyn Any> {
        self.as_ref().map(|message| message as &dyn Any)
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Call<'_> {
    /// Event, command or query.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message's stable name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The handler's stable name.
    pub fn handler(&self) -> &str {
        self.handler
    }

    /// The context that the handler will see.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Changes the context that the handler will see, such as by an attribute.
    ///
    /// Its deadline has been taken already; use [`Timeout`](super::Timeout) for less time.
    pub fn set_context(&mut self, context: Context) {
        self.context = context;
    }

    /// What tells this command from another one of the same name, if the caller said so; see
    /// [`Context::with_idempotency_key`].
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// The message, if it is an `M`. A command or query is gone once its handler has begun.
    pub fn message<M: 'static>(&self) -> Option<&M> {
        match &self.payload {
            Payload::Event(event) => event.as_any().downcast_ref(),
            Payload::Message(slot) => slot.message()?.downcast_ref(),
        }
    }

    /// The message, without its type; see [`message`](Self::message).
    pub(crate) fn any_message(&self) -> Option<&dyn Any> {
        match &self.payload {
            Payload::Event(event) => Some(event.as_any()),
            Payload::Message(slot) => slot.message(),
        }
    }

    /// The event, if it is one.
    pub fn event(&self) -> Option<&AnyEvent> {
        match &self.payload {
            Payload::Event(event) => Some(event),
            Payload::Message(_) => None,
        }
    }

    pub(crate) fn take_message<M: 'static>(&mut self) -> Option<M> {
        match &mut self.payload {
            Payload::Event(_) => None,
            Payload::Message(slot) => slot.as_any_mut().downcast_mut::<Option<M>>()?.take(),
        }
    }

    pub(crate) fn set_result<R: 'static>(&mut self, result: R) {
        if let Some(slot) = self.result.downcast_mut::<Option<R>>() {
            *slot = Some(result);
        }
    }

    pub(crate) fn result<R: 'static>(&self) -> Option<&R> {
        self.result.downcast_ref::<Option<R>>()?.as_ref()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("handler", &self.handler)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
