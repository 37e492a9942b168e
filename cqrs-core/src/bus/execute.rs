//! Executing a command or query: one look-up, one attempt.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::outliving::Outliving;
use super::{Begun, ExecuteError};
use crate::context::{Context, WorkGuard};
use crate::handler::{AttemptError, BoxFuture, ErasedExecution, Rejection};
use crate::lane::{Handles, Shared, inside_middleware, run};
use crate::message::{MessageError, MessageKind};
use crate::middleware::{Call, Message, Payload};
use crate::observe::{self, ExecutionRecord, Happening, Observed};
use crate::runtime::{InFlight, Panic, catch_now};
use crate::services::TypeRef;

/// The handlers of commands, or of queries, by message type.
pub(crate) struct Executors<Kind> {
    shared: Arc<Shared>,
    executions: OnceLock<FxHashMap<TypeId, Arc<Execution>>>,
    /// By the message's name, how it is executed from JSON, if it allows that.
    from_json: OnceLock<FxHashMap<&'static str, Option<FromJson>>>,
    kind: PhantomData<fn() -> Kind>,
}

/// How a message is executed from JSON: a `JsonCommand`.
pub(crate) type FromJson = &'static (dyn Any + Send + Sync);

/// One message's handler.
pub(crate) struct Execution {
    /// An `Arc` of the erased handler, typed by the message.
    handler: Box<dyn Any + Send + Sync>,
    handler_name: Arc<str>,
    message_name: &'static str,
    timeout: Option<Duration>,
    is_transactional: bool,
    shared: Arc<Shared>,
    running: AtomicUsize,
}

impl Execution {
    pub(crate) fn new(
        handler: Box<dyn Any + Send + Sync>,
        handler_name: Arc<str>,
        message_name: &'static str,
        timeout: Option<Duration>,
        is_transactional: bool,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        let running = AtomicUsize::new(0);
        Arc::new(Self {
            handler,
            handler_name,
            message_name,
            timeout,
            is_transactional,
            shared,
            running,
        })
    }
}

/// What is executed, for errors and reports.
#[derive(Clone, Copy)]
pub(super) struct Description {
    pub(super) kind: MessageKind,
    pub(super) name: &'static str,
    pub(super) type_ref: TypeRef,
    /// The permissions that the caller needs.
    pub(super) requires: Option<&'static [&'static str]>,
}

impl<Kind> Executors<Kind> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (executions, from_json) = (OnceLock::new(), OnceLock::new());
        Self { shared, executions, from_json, kind: PhantomData }
    }

    /// Sets how messages are executed from JSON, by their names, once.
    pub(crate) fn connect_json(&self, from_json: FxHashMap<&'static str, Option<FromJson>>) {
        let _ = self.from_json.set(from_json);
    }

    /// The message of this name, and how it is executed from JSON.
    pub(super) fn by_name(&self, name: &str) -> Option<(&'static str, Option<FromJson>)> {
        let (name, from_json) = self.from_json.get()?.get_key_value(name)?;
        Some((name, *from_json))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.from_json.get().into_iter().flat_map(FxHashMap::keys).copied()
    }

    /// Sets the handlers, once.
    pub(crate) fn connect(&self, executions: FxHashMap<TypeId, Arc<Execution>>) {
        let _ = self.executions.set(executions);
    }

    /// Handler and message of everything that runs at this moment.
    pub(crate) fn running(&self) -> Vec<(Arc<str>, &'static str)> {
        let executions = self.executions.get().into_iter().flat_map(FxHashMap::values);
        let running = executions.flat_map(|execution| {
            let count = execution.running.load(SeqCst);
            std::iter::repeat_n(
                (Arc::clone(&execution.handler_name), execution.message_name),
                count,
            )
        });
        running.collect()
    }

    /// Runs the handler of `message` with all middleware around it. Panics and
    /// time-outs end here.
    ///
    /// When the rest is dropped, a command goes on as a task, and a query is cancelled.
    pub(super) fn execute<'a, M, T, E>(
        &self,
        description: Description,
        ctx: &Context,
        message: M,
        cx: &mut TaskContext<'_>,
    ) -> Begun<'a, Result<T, ExecuteError<E>>>
    where
        M: Send + 'static,
        T: Send + 'static,
        E: MessageError,
    {
        self.begin(description, ctx, message, cx).unwrap_or_else(|error| Begun::Ended(Err(error)))
    }

    fn begin<'a, M, T, E>(
        &self,
        description: Description,
        ctx: &Context,
        message: M,
        cx: &mut TaskContext<'_>,
    ) -> Result<Begun<'a, Result<T, ExecuteError<E>>>, ExecuteError<E>>
    where
        M: Send + 'static,
        T: Send + 'static,
        E: MessageError,
    {
        let Description { kind, name, type_ref, .. } = description;
        let refused = |error: ExecuteError<E>| {
            observe::execution_refused(kind, name, ctx, error.error_type());
            error
        };
        let runtime = Handle::try_current()
            .map_err(|_| refused(ExecuteError::NoRuntime { message: name }))?;
        let shut_down = || refused(ExecuteError::ShutDown { message: name });
        // Work that is under way may execute during a shutdown; nothing else may.
        let lifecycle = &self.shared.lifecycle;
        let is_cascade = ctx.is_inside(lifecycle);
        let in_flight = lifecycle.admit(is_cascade).ok_or_else(shut_down)?;
        // Not connected: the application is still being built.
        let not_built = || refused(ExecuteError::NotBuilt { message: name });
        let executions = self.executions.get().ok_or_else(not_built)?;
        let (execution, handler) = executions
            .get(&type_ref.id())
            .and_then(|execution| {
                Some((execution, execution.handler.downcast_ref::<ErasedExecution<M, T, E>>()?))
            })
            .ok_or_else(|| refused(ExecuteError::NoHandler { message: name }))?;

        observe::emitted(self.shared.observer.as_ref(), ctx, name);
        let began = Instant::now();
        let (mut ctx, work) =
            ctx.for_execution(lifecycle, began, execution.timeout, execution.is_transactional);
        if self.shared.observer.is_some() {
            work.name_handler(&execution.handler_name);
        }
        let observed = Observed::execute(kind, name, &execution.handler_name, &mut ctx);
        let span = observed.span();
        execution.running.fetch_add(1, SeqCst);
        let mut under_way = UnderWay {
            execution: Arc::clone(execution),
            description,
            ctx: ctx.clone(),
            began,
            observed: Some(observed),
            _work: work,
            _in_flight: in_flight,
        };
        if ctx.deadline().is_some_and(|deadline| deadline <= began) {
            return Ok(Begun::Ended(under_way.end(Err(AttemptError::TimedOut(Duration::ZERO)))));
        }

        let rest: BoxFuture<'static, _> = if self.shared.middlewares.is_empty() {
            // Most handlers end at their first poll.
            let panicked = |Panic(panic)| Err(AttemptError::Panicked(panic));
            let mut handling = match catch_now(|| handler(message, ctx)) {
                Ok(handling) => handling,
                Err(panic) => return Ok(Begun::Ended(under_way.end(panicked(panic)))),
            };
            match catch_now(|| span.in_scope(|| handling.as_mut().poll(cx))) {
                Ok(Poll::Ready(result)) => return Ok(Begun::Ended(under_way.end(result))),
                Err(panic) => return Ok(Begun::Ended(under_way.end(panicked(panic)))),
                Ok(Poll::Pending) => Box::pin(under_way.go_on(handling).instrument(span)),
            }
        } else {
            let (shared, handler) = (Arc::clone(&self.shared), handler.clone());
            let handling = Handling { shared, began, handler };
            let running = under_way.inside_middleware(handling, message, is_cascade);
            Box::pin(running.instrument(span))
        };
        Ok(match kind {
            MessageKind::Command => Begun::Outlives(Outliving::new(rest, runtime)),
            _ => Begun::Waits(rest),
        })
    }
}

/// An execution from its admission to its end, with all that it needs to go on without its caller.
struct UnderWay {
    execution: Arc<Execution>,
    description: Description,
    ctx: Context,
    began: Instant,
    /// `None` once it has ended.
    observed: Option<Observed>,
    _work: WorkGuard,
    _in_flight: InFlight,
}

impl UnderWay {
    /// Runs a handler to its end that was polled once.
    async fn go_on<T: 'static, E: MessageError>(
        mut self,
        handling: BoxFuture<'static, Result<T, AttemptError<E>>>,
    ) -> Result<T, ExecuteError<E>> {
        let timed_out = || self.began.elapsed();
        let result = run(&self.execution.shared, &self.ctx, timed_out, || handling).await;
        self.end(flat(result))
    }

    async fn inside_middleware<M, T, E>(
        mut self,
        handling: Handling<M, T, E>,
        message: M,
        is_cascade: bool,
    ) -> Result<T, ExecuteError<E>>
    where
        M: Send + 'static,
        T: Send + 'static,
        E: MessageError,
    {
        let call = Message {
            kind: self.description.kind,
            name: self.description.name,
            handler: &self.execution.handler_name,
            requires: self.description.requires,
            is_cascade,
            payload: Payload::Message(self.description.type_ref, Some(Box::new(message))),
        };
        let result =
            inside_middleware(&self.execution.shared, call, self.ctx.clone(), &handling).await;
        self.end(result)
    }

    fn end<T: 'static, E: MessageError>(
        &mut self,
        result: Result<T, AttemptError<E>>,
    ) -> Result<T, ExecuteError<E>> {
        let Description { kind, name, type_ref, .. } = self.description;
        if let Some(observed) = self.observed.take() {
            observed.end(result.as_ref().err().map(AttemptError::error_type));
        }
        let ctx = &self.ctx;
        if let Err(AttemptError::Panicked(panic)) = &result {
            // In no span: that of an event's handler must not get a text that may quote the event.
            tracing::error!(
                parent: None,
                message = name, message_id = %ctx.message_id(), tenant = %ctx.tenant(), panic,
                "a handler panicked"
            );
        }
        let result = result.map_err(|error| ExecuteError::of(name, error));
        if let Some(observer) = &self.execution.shared.observer {
            let failure = result.as_ref().err().map(ToString::to_string);
            let returned = match &result {
                Ok(output) => Some(Ok(output as &dyn Any)),
                Err(ExecuteError::Handler(error)) => Some(Err(error as &dyn Any)),
                Err(_) => None,
            };
            observer.observe(Happening::Executed(ExecutionRecord {
                kind,
                message: type_ref,
                name,
                context: ctx.clone(),
                failure,
                returned: returned.and_then(|returned| observer.copy(type_ref, returned)),
            }));
        }
        result
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.execution.running.fetch_sub(1, SeqCst);
    }
}

/// The handler of an execution, at the end of the middleware.
struct Handling<M, T, E> {
    shared: Arc<Shared>,
    began: Instant,
    handler: ErasedExecution<M, T, E>,
}

impl<M, T, E> Handles for Handling<M, T, E>
where
    M: Send + 'static,
    T: Send + 'static,
    E: MessageError,
{
    type Output = T;
    type Error = E;

    fn handle<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Result<T, AttemptError<E>>> {
        Box::pin(async move {
            let Some(message) = call.take_message::<M>() else {
                return Err(Rejection::unavailable("the message was taken before").into());
            };
            let ctx = call.context();
            let start = || (self.handler)(message, ctx.clone());
            flat(run(&self.shared, ctx, || self.began.elapsed(), start).await)
        })
    }

    /// Only the handler has an output.
    fn answer(&self) -> Option<T> {
        None
    }
}

/// The handler's own result, if it gave one.
fn flat<T, E>(result: Result<T, AttemptError<AttemptError<E>>>) -> Result<T, AttemptError<E>> {
    match result {
        Err(AttemptError::Failed(error)) => Err(error),
        other => other.map_err(|error| error.or_else(|_| unreachable!("matched above"))),
    }
}
