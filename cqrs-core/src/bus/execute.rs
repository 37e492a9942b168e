//! Executing a command or query: one look-up, one boxed future.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::ExecuteError;
use crate::context::Context;
use crate::delivery::Engine;
use crate::handler::BoxFuture;
use crate::message::MessageError;
use crate::message::MessageKind;
use crate::middleware::{Call, CallError, Innermost, Middlewares, Outcome, Payload, Rejection};
use crate::observe::Executed;
use crate::observe::Executing;
use crate::runtime::{Caught, Lifecycle, Limit, Panic, limited};
use crate::services::TypeRef;

/// The handlers of commands, or of queries, by message type.
#[derive(Debug)]
pub(crate) struct Executors<Kind> {
    engine: Arc<Engine>,
    executions: OnceLock<FxHashMap<TypeId, Execution>>,
    kind: PhantomData<fn() -> Kind>,
}

/// One message's handler.
#[derive(Debug)]
pub(crate) struct Execution {
    /// An `Arc` of the erased handler, typed by the message.
    pub(crate) handler: Box<dyn Any + Send + Sync>,
    pub(crate) handler_name: Arc<str>,
    pub(crate) message_name: &'static str,
    pub(crate) timeout: Option<Duration>,
    running: AtomicUsize,
}

impl Execution {
    pub(crate) fn new(
        handler: Box<dyn Any + Send + Sync>,
        handler_name: Arc<str>,
        message_name: &'static str,
        timeout: Option<Duration>,
    ) -> Self {
        Self { handler, handler_name, message_name, timeout, running: AtomicUsize::new(0) }
    }
}

/// What is being executed, for errors and reports.
pub(super) struct Message {
    pub(super) kind: MessageKind,
    pub(super) name: &'static str,
    pub(super) type_ref: TypeRef,
}

impl<Kind> Executors<Kind> {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, executions: OnceLock::new(), kind: PhantomData }
    }

    /// Sets the handlers, once.
    pub(crate) fn connect(&self, executions: FxHashMap<TypeId, Execution>) {
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

    /// Runs the handler of `message`, an `H`, by `start`, with all middleware around it. Panics and
    /// time-outs end here.
    ///
    /// Dropping the returned future cancels the handler.
    pub(super) async fn execute<H, M, T, E>(
        &self,
        description: Message,
        ctx: &Context,
        message: M,
        start: Start<H, M, T, E>,
    ) -> Result<T, ExecuteError<E>>
    where
        H: Send + Sync + 'static,
        M: Send + 'static,
        T: Send + 'static,
        E: MessageError,
    {
        let name = description.name;
        let lifecycle = &self.engine.lifecycle;
        let shut_down = || ExecuteError::ShutDown { message: name };
        let refused = |error: ExecuteError<E>| {
            Executing::refused(description.kind, name, ctx, error.error_type());
            error
        };
        // Its timer needs one.
        Handle::try_current().map_err(|_| refused(ExecuteError::NoRuntime { message: name }))?;
        // Work that is under way may execute during a shutdown; nobody else may.
        let admitted = lifecycle.admit(ctx.is_inside(lifecycle));
        let _in_flight = admitted.ok_or_else(|| refused(shut_down()))?;
        // Not connected: the application is still being built.
        let executions = self.executions.get().ok_or_else(|| refused(shut_down()))?;
        let (execution, handler) = executions
            .get(&description.type_ref.id())
            .and_then(|execution| Some((execution, execution.handler.downcast_ref::<H>()?)))
            .ok_or_else(|| refused(ExecuteError::NoHandler { message: name }))?;

        let idempotency_key = ctx.shared_idempotency_key();
        let began = Instant::now();
        let (mut ctx, _work) = ctx.for_execution(lifecycle, began, execution.timeout);
        let _running = Running::new(&execution.running);
        let executing = Executing::begin(description.kind, name, &execution.handler_name, &mut ctx);
        let handler = HandlerOf { name, began, lifecycle, handler, start };
        let running = async {
            if self.engine.middlewares.is_empty() {
                return handler.handle(message, &ctx).await;
            }
            let call = handler.handle_inside_middleware(
                &self.engine.middlewares,
                &description,
                &execution.handler_name,
                message,
                ctx.clone(),
                idempotency_key,
            );
            let around = Caught::new(|| Box::pin(call));
            match limited(pin!(around), None, lifecycle).await {
                Ok(Ok(result)) => result,
                Ok(Err(Panic(panic))) => Err(ExecuteError::Panicked { message: name, panic }),
                Err(_) => Err(shut_down()),
            }
        };
        let result = pin!(running).instrument(executing.span()).await;
        executing.end(result.as_ref().err().map(ExecuteError::error_type));
        self.report(&description, &ctx, result.as_ref().err());
        result
    }

    fn report<E: MessageError>(
        &self,
        message: &Message,
        ctx: &Context,
        error: Option<&ExecuteError<E>>,
    ) {
        if let Some(ExecuteError::Panicked { panic, .. }) = error {
            // In no span: that of an event's handler must not get a text that may quote the event.
            tracing::error!(
                parent: None,
                message = message.name, message_id = %ctx.message_id(), tenant = %ctx.tenant(), panic,
                "a handler panicked"
            );
        }
        if let Some(probe) = &self.engine.probe {
            probe.executed(Executed {
                kind: message.kind,
                message: message.type_ref,
                name: message.name,
                context: ctx,
                failure: error.map(ToString::to_string),
            });
        }
    }
}

/// How a handler is called, once its type is known.
pub(super) type Start<H, M, T, E> =
    for<'a> fn(&'a H, M, &'a Context) -> BoxFuture<'a, Result<T, E>>;

/// One execution's handler, at the end of the chain of middleware.
struct HandlerOf<'a, H, M, T, E> {
    name: &'static str,
    began: Instant,
    lifecycle: &'a Lifecycle,
    handler: &'a H,
    start: Start<H, M, T, E>,
}

impl<H, M, T, E> HandlerOf<'_, H, M, T, E>
where
    H: Send + Sync + 'static,
    M: Send + 'static,
    T: Send + 'static,
    E: MessageError,
{
    async fn handle(&self, message: M, ctx: &Context) -> Result<T, ExecuteError<E>> {
        let name = self.name;
        let timed_out = |after| ExecuteError::TimedOut { message: name, after };
        if ctx.deadline().is_some_and(|deadline| deadline <= self.began) {
            return Err(timed_out(Duration::ZERO));
        }
        let start = || (self.start)(self.handler, message, ctx);
        let handling = pin!(ctx.scope_exactly(async { Caught::new(start).await }));
        match limited(handling, ctx.deadline(), self.lifecycle).await {
            Ok(Ok(Ok(output))) => Ok(output),
            Ok(Ok(Err(error))) => Err(ExecuteError::Handler(error)),
            Ok(Err(Panic(panic))) => Err(ExecuteError::Panicked { message: name, panic }),
            Err(Limit::Deadline) => Err(timed_out(self.began.elapsed())),
            Err(Limit::Stopped) => Err(ExecuteError::ShutDown { message: name }),
        }
    }

    async fn handle_inside_middleware(
        &self,
        middlewares: &Middlewares,
        description: &Message,
        handler_name: &str,
        message: M,
        context: Context,
        idempotency_key: Option<Arc<str>>,
    ) -> Result<T, ExecuteError<E>> {
        let message_name = self.name;
        let mut message = Some(message);
        let mut result: Option<Result<T, ExecuteError<E>>> = None;
        let mut call = Call {
            kind: description.kind,
            name: message_name,
            handler: handler_name,
            context,
            idempotency_key,
            payload: Payload::Message(&mut message),
            result: &mut result,
        };
        let outcome = middlewares.run(&mut call, self).await;
        let rejected = |rejection| Err(ExecuteError::Rejected { message: message_name, rejection });
        match (outcome, result) {
            (Err(CallError::Rejected(rejection)), _) => rejected(rejection),
            (Err(CallError::TimedOut(after)), None | Some(Ok(_))) => {
                Err(ExecuteError::TimedOut { message: message_name, after })
            }
            (Ok(()), Some(result)) | (Err(_), Some(result @ Err(_))) => result,
            (Err(error), None | Some(Ok(_))) => rejected(Rejection::unavailable(error)),
            (Ok(()), None) => {
                rejected(Rejection::unavailable("a middleware returned without a result"))
            }
        }
    }
}

impl<H, M, T, E> Innermost for HandlerOf<'_, H, M, T, E>
where
    H: Send + Sync + 'static,
    M: Send + 'static,
    T: Send + 'static,
    E: MessageError,
{
    fn run<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(message) = call.take_message::<M>() else {
                return Err(Rejection::unavailable("the message was taken before").into());
            };
            let ctx = call.context().clone();
            let result = self.handle(message, &ctx).await;
            let outcome = match &result {
                Ok(_) => Ok(()),
                Err(ExecuteError::TimedOut { after, .. }) => Err(CallError::TimedOut(*after)),
                Err(ExecuteError::Panicked { panic, .. }) => {
                    Err(CallError::Panicked(panic.clone()))
                }
                Err(ExecuteError::ShutDown { .. }) => Err(CallError::ShutDown),
                Err(error) => Err(CallError::Failed(error.to_string())),
            };
            call.set_result(result);
            outcome
        })
    }
}

/// Counts one running execution, until it is dropped.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
