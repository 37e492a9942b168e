//! Executing a command or query: one look-up, one boxed future.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::ExecuteError;
use crate::context::Context;
use crate::delivery::{Caught, Panic};
use crate::handler::BoxFuture;
use crate::lifecycle::Lifecycle;
use crate::limited::{Limit, limited};
use crate::message::MessageError;
use crate::probe::{Executed, Probe};
use crate::registry::MessageKind;
use crate::type_ref::TypeRef;

/// The handlers of commands, or of queries, by message type.
#[derive(Debug)]
pub(crate) struct Executors<Kind> {
    lifecycle: Arc<Lifecycle>,
    probe: Option<Arc<dyn Probe>>,
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
    pub(crate) fn new(lifecycle: Arc<Lifecycle>, probe: Option<Arc<dyn Probe>>) -> Self {
        Self { lifecycle, probe, executions: OnceLock::new(), kind: PhantomData }
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

    /// Runs `message`'s handler, an `H`, by `start`. Its panic and its time-out end here.
    ///
    /// Dropping the returned future cancels the handler.
    pub(super) async fn execute<H: 'static, T, E: MessageError>(
        &self,
        message: Message,
        ctx: &Context,
        start: impl for<'a> FnOnce(&'a H, &'a Context) -> BoxFuture<'a, Result<T, E>>,
    ) -> Result<T, ExecuteError<E>> {
        let shut_down = || ExecuteError::ShutDown { message: message.name };
        // Work that is under way may execute during a shutdown; nobody else may.
        let admitted = self.lifecycle.admit(ctx.is_inside(&self.lifecycle));
        let _in_flight = admitted.ok_or_else(shut_down)?;
        // Not connected: the application is still being built.
        let executions = self.executions.get().ok_or_else(shut_down)?;
        let (execution, handler) = executions
            .get(&message.type_ref.id())
            .and_then(|execution| Some((execution, execution.handler.downcast_ref::<H>()?)))
            .ok_or(ExecuteError::NoHandler { message: message.name })?;

        let began = Instant::now();
        let ctx = ctx.for_execution(&self.lifecycle, began, execution.timeout);
        let _running = Running::new(&execution.running);
        let timed_out = |after| ExecuteError::TimedOut { message: message.name, after };
        let result = if ctx.deadline().is_some_and(|deadline| deadline <= began) {
            Err(timed_out(Duration::ZERO))
        } else {
            let handling = pin!(ctx.scope(Caught::new(|| start(handler, &ctx))));
            match limited(handling, ctx.deadline(), &self.lifecycle).await {
                Ok(Ok(Ok(output))) => Ok(output),
                Ok(Ok(Err(error))) => Err(ExecuteError::Handler(error)),
                Ok(Err(Panic(panic))) => {
                    Err(ExecuteError::Panicked { message: message.name, panic })
                }
                Err(Limit::Deadline) => Err(timed_out(began.elapsed())),
                Err(Limit::Stopped) => Err(shut_down()),
            }
        };
        self.report(&message, &ctx, result.as_ref().err());
        result
    }

    fn report<E: MessageError>(
        &self,
        message: &Message,
        ctx: &Context,
        error: Option<&ExecuteError<E>>,
    ) {
        if let Some(ExecuteError::Panicked { panic, .. }) = error {
            tracing::error!(message = message.name, tenant = %ctx.tenant(), panic, "a handler panicked");
        }
        if let Some(probe) = &self.probe {
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
