//! One call of a handler, as middleware sees it.

use std::any::{Any, TypeId};

use rustc_hash::FxHashMap;

use crate::context::Context;
use crate::handler::{CallError, Rejection};
use crate::message::{AnyEvent, MessageKind, Validator};

/// How a call ended. It does not contain the handler's result, which goes to the caller.
pub type Outcome = Result<(), CallError>;

/// One call of a handler: of a command, a query, or an attempt to deliver an event or a batch.
pub struct Call<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) context: Context,
    pub(crate) validators: &'a FxHashMap<TypeId, Validator>,
    /// An `Option` that receives the handler's typed result.
    pub(crate) result: &'a mut (dyn Any + Send + 'static),
}

/// The message of a call, and its handler.
pub(crate) struct Message<'a> {
    pub(crate) kind: MessageKind,
    pub(crate) name: &'static str,
    pub(crate) handler: &'a str,
    pub(crate) requires: Option<&'static [&'static str]>,
    pub(crate) is_cascade: bool,
    pub(crate) payload: Payload<'a>,
}

/// The message itself.
pub(crate) enum Payload<'a> {
    /// One event, or the events of a batch.
    Events(&'a [AnyEvent]),
    /// A command or query, until its handler takes it.
    Message(Option<Box<dyn Any + Send>>),
}

impl Call<'_> {
    /// Event, command or query.
    pub fn kind(&self) -> MessageKind {
        self.message.kind
    }

    /// The message's stable name; of a batch, that of its first event.
    pub fn name(&self) -> &'static str {
        self.message.name
    }

    /// The handler's stable name.
    pub fn handler(&self) -> &str {
        self.message.handler
    }

    /// The permissions that the caller of this command or query needs, all of them: `requires` of its
    /// annotation. Empty for `requires = none`; `None` if it does not say, and for an event.
    pub fn requires(&self) -> Option<&'static [&'static str]> {
        self.message.requires
    }

    /// Whether the call is a consequence of what this application does already: a command or query that
    /// another handler or a middleware executes, or the delivery of an event. Otherwise it comes from the
    /// edge: a request, a job, a tool.
    ///
    /// What a handler gives to a task of its own is a consequence as long as the handler runs, or if the task
    /// was spawned by [`Context::spawn`]. Afterwards it comes from the edge.
    pub fn is_cascade(&self) -> bool {
        self.message.is_cascade
    }

    /// The context that the handler will get.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Changes the context that the handler will get, such as its tenant or an attribute.
    ///
    /// The call keeps its ids, its attempt and the earlier deadline; items of a batch keep their contexts.
    pub fn set_context(&mut self, context: Context) {
        self.context = context.continuing(&self.context);
    }

    /// The message, if it is an `M`; not for a batch of several events. A command or query is gone once
    /// its handler has begun.
    pub fn message<M: 'static>(&self) -> Option<&M> {
        let message = match &self.message.payload {
            Payload::Events([event]) => event.as_any(),
            Payload::Events(_) => return None,
            Payload::Message(message) => message.as_deref()? as &dyn Any,
        };
        message.downcast_ref()
    }

    /// The events: one, or those of a batch; none for a command or query.
    pub fn events(&self) -> &[AnyEvent] {
        match &self.message.payload {
            Payload::Events(events) => events,
            Payload::Message(_) => &[],
        }
    }

    /// Checks every message that implements [`Validate`](crate::middleware::Validate).
    pub(super) fn validate(&self) -> Result<(), Rejection> {
        let check = |message: &dyn Any| match self.validators.get(&message.type_id()) {
            Some(validate) => validate(message).map_err(Rejection::from),
            None => Ok(()),
        };
        match &self.message.payload {
            Payload::Events(events) => events.iter().try_for_each(|event| check(event.as_any())),
            Payload::Message(Some(message)) => check(&**message),
            Payload::Message(None) => Ok(()),
        }
    }

    pub(crate) fn take_message<M: 'static>(&mut self) -> Option<M> {
        match &mut self.message.payload {
            Payload::Events(_) => None,
            Payload::Message(message) => message.take()?.downcast().ok().map(|it| *it),
        }
    }

    pub(crate) fn set_result<R: 'static>(&mut self, result: R) {
        if let Some(slot) = self.result.downcast_mut::<Option<R>>() {
            *slot = Some(result);
        }
    }
}
