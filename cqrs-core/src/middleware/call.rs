//! One call of a handler, as middleware sees it.

use std::any::{Any, TypeId};
use std::fmt::Display;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::answer::Answer;
use crate::context::Context;
use crate::handler::{CallError, HandlerError, Rejection};
use crate::message::{AnyEvent, MessageKind, Validator};
use crate::services::TypeRef;

/// How a call ended. It does not contain the handler's result, which goes to the caller.
pub type Outcome = Result<(), CallError>;

/// One call of a handler: of a command, a query, or an attempt to deliver an event or a batch.
pub struct Call<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) context: Context,
    pub(crate) validators: &'a FxHashMap<TypeId, Validator>,
    /// Receives the handler's typed result.
    pub(crate) result: &'a mut dyn Answer,
    /// Whether the handler has begun.
    pub(crate) has_begun: bool,
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
    /// A command or query of this type, until its handler takes it.
    Message(TypeRef, Option<Box<dyn Any + Send>>),
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
    /// annotation. Empty for `requires = none`; `None` without a declaration, and for an event.
    pub fn requires(&self) -> Option<&'static [&'static str]> {
        self.message.requires
    }

    /// Whether the call is part of a cascade: a command or query that a handler or a middleware executes, or the delivery
    /// of an event. Otherwise it comes from the edge: a request, a job, a tool.
    ///
    /// A call from a task that a handler has spawned is part of the cascade while the handler runs. After that, it comes from
    /// the edge, unless the task was spawned by [`Context::spawn`].
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
            Payload::Message(_, message) => message.as_deref()? as &dyn Any,
        };
        message.downcast_ref()
    }

    /// The command or query, if it is an `M`, to change it before its handler begins. Events cannot be changed, because
    /// they have happened.
    ///
    /// ```
    /// use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
    /// use cqrs_core::prelude::*;
    ///
    /// #[derive(Command)]
    /// struct Invite { email: String }
    ///
    /// struct TrimEmail;
    ///
    /// impl Middleware for TrimEmail {
    ///     async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
    ///         if let Some(invite) = call.message_mut::<Invite>() {
    ///             invite.email = invite.email.trim().to_owned();
    ///         }
    ///         next.run(call).await
    ///     }
    /// }
    /// ```
    pub fn message_mut<M: 'static>(&mut self) -> Option<&mut M> {
        match &mut self.message.payload {
            Payload::Events(_) => None,
            Payload::Message(_, message) => {
                (message.as_deref_mut()? as &mut dyn Any).downcast_mut()
            }
        }
    }

    /// Sets the command or query again, so that a clone of [`Next`](super::Next) can run again. The result of the run before is dropped,
    /// and so is what it published in its own transaction. What it published otherwise stays published. All runs share
    /// the time limit of the call.
    ///
    /// ```
    /// use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
    /// use cqrs_core::prelude::*;
    ///
    /// #[derive(Clone, Command)]
    /// #[command(error = Conflict)]
    /// struct CountUp { counter: u32 }
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("another one was faster")]
    /// struct Conflict;
    ///
    /// /// Runs a command again, once, after a conflict.
    /// struct Again;
    ///
    /// impl Middleware for Again {
    ///     async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
    ///         let Some(command) = call.message::<CountUp>().cloned() else {
    ///             return next.run(call).await;
    ///         };
    ///         let outcome = next.clone().run(call).await;
    ///         if call.error::<Conflict>().is_none() {
    ///             return outcome;
    ///         }
    ///         call.set_message(command)?;
    ///         next.run(call).await
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A refusal, if the call has a message of another type, or an event: use the retries of the event's handler.
    pub fn set_message<M: Send + 'static>(&mut self, message: M) -> Outcome {
        match &mut self.message.payload {
            Payload::Message(needed, slot) if needed.id() == TypeId::of::<M>() => {
                *slot = Some(Box::new(message));
                self.result.clear();
                self.context.begin_again();
                Ok(())
            }
            _ => {
                let (name, given) = (self.name(), TypeRef::of::<M>());
                Err(broken(format_args!("gave `{name}` a message of the wrong type: `{given}`")))
            }
        }
    }

    /// The output of the handler, or the answer of a middleware, if it is a `T`. It is there after `next`. For an event, it
    /// is `()`.
    pub fn output<T: 'static>(&self) -> Option<&T> {
        self.result.output()?.downcast_ref()
    }

    /// The error that the handler returned, if it is an `E`. It is there after `next`. The error of an event's handler, and of
    /// a command or query without its own error type, is a [`HandlerError`]: its `downcast_ref` gives the error inside.
    pub fn error<E: 'static>(&self) -> Option<&E> {
        let error = self.result.error()?;
        error.downcast_ref().or_else(|| {
            let shared: &dyn Any = &**error.downcast_ref::<Arc<HandlerError>>()?;
            shared.downcast_ref()
        })
    }

    /// Answers the caller with `output`, instead of the handler or of the handler's output. For an event, the output is `()`,
    /// and the event counts as handled.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::Mutex;
    ///
    /// use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
    /// use cqrs_core::prelude::*;
    ///
    /// #[derive(Query)]
    /// #[query(output = String)]
    /// struct CountryName { code: String }
    ///
    /// /// Keeps the names of countries, which are the same for all tenants.
    /// #[derive(Default)]
    /// struct CountryNames(Mutex<HashMap<String, String>>);
    ///
    /// impl Middleware for CountryNames {
    ///     async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
    ///         let Some(query) = call.message::<CountryName>() else {
    ///             return next.run(call).await;
    ///         };
    ///         let code = query.code.clone();
    ///         let known = self.0.lock().expect("no panic").get(&code).cloned();
    ///         if let Some(name) = known {
    ///             return call.answer(name);
    ///         }
    ///         next.run(call).await?;
    ///         if let Some(name) = call.output::<String>() {
    ///             self.0.lock().expect("no panic").insert(code, name.clone());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A refusal, if the output of the message is of another type.
    pub fn answer<T: 'static>(&mut self, output: T) -> Outcome {
        if self.result.set_output(&mut Some(output)) {
            return Ok(());
        }
        let (name, given, needed) = (self.name(), TypeRef::of::<T>(), self.result.output_type());
        Err(broken(format_args!(
            "answered `{name}` with a `{given}`, but its output is `{needed}`"
        )))
    }

    /// The events: one, or those of a batch; none for a command or query.
    pub fn events(&self) -> &[AnyEvent] {
        match &self.message.payload {
            Payload::Events(events) => events,
            Payload::Message(..) => &[],
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
            Payload::Message(_, Some(message)) => check(&**message),
            Payload::Message(_, None) => Ok(()),
        }
    }

    pub(crate) fn take_message<M: 'static>(&mut self) -> Option<M> {
        match &mut self.message.payload {
            Payload::Events(_) => None,
            Payload::Message(_, message) => message.take()?.downcast().ok().map(|it| *it),
        }
    }

    pub(crate) fn set_result<R: 'static>(&mut self, result: R) {
        let slot: &mut dyn Any = self.result;
        if let Some(slot) = slot.downcast_mut::<Option<R>>() {
            *slot = Some(result);
        }
    }
}

/// The error of a call whose middleware uses a wrong type.
fn broken(what: impl Display) -> CallError {
    Rejection::unavailable(format_args!("a middleware {what}")).into()
}
