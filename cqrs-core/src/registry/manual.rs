//! Registration by hand, for handlers that cannot be annotated.

use std::borrow::Cow;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::handler::Construct;
use super::retried::RetriedFn;
use super::{
    EventRoute, ExecutionRoute, HandlerRegistration, MessageRegistration, Source,
    TransactionalRoute,
};
use crate::context::Context;
use crate::handler::{
    BatchEventHandler, BatchPolicy, EventHandler, HandlerOptions, HandlerResult,
    TransactionalBatchEventHandler, TransactionalEventHandler,
};
use crate::message::{AnyEvent, Command, Event, Published, Query};
use crate::services::TypeRef;

/// Makes registrations for [`AppBuilder::register`](crate::AppBuilder::register), for handlers that cannot
/// be annotated because they are generic or closures.
///
/// ```no_run
/// use cqrs_core::prelude::*;
/// use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct TaskCreated { task_id: u64 }
///
/// struct Count<T>(T);
/// impl<T: Send + Sync + 'static, E: Event> EventHandler<E> for Count<T> {
///     async fn handle(&self, _: &E, _: &Context) -> HandlerResult { Ok(()) }
/// }
///
/// let app = App::builder()
///     .register(Handler::events("count", Count(0_u8)).on::<TaskCreated>())
///     .register(
///         Handler::event_fn("print", |event: Published<TaskCreated>, ctx: Context| async move {
///             println!("{}: task {}", ctx.tenant(), event.task_id);
///             Ok(())
///         })
///         .options(HandlerOptions::DEFAULT.retry(RetryPolicy::none())),
///     )
///     .build()?;
/// # Ok::<(), cqrs_core::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Handler(());

impl Handler {
    /// `handler` as a handler of the events that [`EventsHandler::on`] names, under a stable name.
    #[track_caller]
    pub fn events<H: Send + Sync + 'static>(
        name: impl Into<Cow<'static, str>>,
        handler: H,
    ) -> EventsHandler<H> {
        EventsHandler(ready_handler(name, handler), PhantomData)
    }

    /// `handler` as a handler of batches of the events that [`BatchesHandler::on`] names, under a stable
    /// name.
    #[track_caller]
    pub fn batches<H: Send + Sync + 'static>(
        name: impl Into<Cow<'static, str>>,
        batch: BatchPolicy,
        handler: H,
    ) -> BatchesHandler<H> {
        let registration = ready_handler(name, handler);
        EventsHandler(HandlerRegistration { batch: Some(batch), ..registration }, PhantomData)
    }

    /// As [`events`](Self::events), in a transaction of the application's store.
    #[track_caller]
    pub fn transactional_events<H: Send + Sync + 'static, T: 'static>(
        name: impl Into<Cow<'static, str>>,
        handler: H,
    ) -> EventsHandler<H, false, TransactionalRoute<T>> {
        EventsHandler(ready_handler(name, handler), PhantomData)
    }

    /// As [`batches`](Self::batches), each in a transaction of the application's store.
    #[track_caller]
    pub fn transactional_batches<H: Send + Sync + 'static, T: 'static>(
        name: impl Into<Cow<'static, str>>,
        batch: BatchPolicy,
        handler: H,
    ) -> EventsHandler<H, true, TransactionalRoute<T>> {
        let registration = ready_handler(name, handler);
        EventsHandler(HandlerRegistration { batch: Some(batch), ..registration }, PhantomData)
    }

    /// A closure as a handler of the event `E`, under a stable name.
    #[track_caller]
    pub fn event_fn<E, F, Fut>(name: impl Into<Cow<'static, str>>, handle: F) -> HandlerRegistration
    where
        E: Event,
        F: Fn(Published<E>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        let route = EventRoute::closure::<E, F, Fut>();
        HandlerRegistration { routes: vec![route].into(), ..ready_handler(name, handle) }
    }

    /// A closure as the handler of the command `C`, under a stable name.
    #[track_caller]
    pub fn command_fn<C, F, Fut>(
        name: impl Into<Cow<'static, str>>,
        execute: F,
    ) -> HandlerRegistration
    where
        C: Command,
        F: Fn(C, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Output, C::Error>> + Send + 'static,
    {
        let command = MessageRegistration::command::<C>(Source::UNKNOWN);
        let route = ExecutionRoute::closure::<C, F, Fut, _, _>(command);
        HandlerRegistration { execution: Some(route), ..ready_handler(name, execute) }
    }

    /// As [`command_fn`](Self::command_fn). After errors for which `when` returns `true`, the command is executed again, as
    /// the retry policy of the [`options`](HandlerRegistration::options) says.
    ///
    /// ```
    /// use cqrs_core::prelude::*;
    /// use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
    ///
    /// #[derive(Clone, Command)]
    /// #[command(error = std::io::Error)]
    /// struct Call { number: u32 }
    ///
    /// fn is_busy(error: &std::io::Error) -> bool {
    ///     error.kind() == std::io::ErrorKind::WouldBlock
    /// }
    ///
    /// let call = Handler::retried_command_fn("call", is_busy, |command: Call, _| async move {
    ///     println!("calling {}", command.number);
    ///     Ok(())
    /// });
    /// let retry = RetryPolicy::waits(&[Duration::from_secs(1), Duration::from_secs(10)]);
    /// let app = App::builder().register(call.options(HandlerOptions::DEFAULT.retry(retry)));
    /// # let _ = app;
    /// ```
    #[track_caller]
    pub fn retried_command_fn<C, F, Fut>(
        name: impl Into<Cow<'static, str>>,
        when: fn(&C::Error) -> bool,
        execute: F,
    ) -> HandlerRegistration
    where
        C: Command + Clone,
        F: Fn(C, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Output, C::Error>> + Send + 'static,
    {
        let route = ExecutionRoute::retried_closure::<C, F, Fut>();
        HandlerRegistration {
            // The closure, so that reports show the handler by its name.
            handler: TypeRef::of::<F>,
            execution: Some(route),
            ..ready_handler(name, RetriedFn::<C, F> { execute, when })
        }
    }

    /// A closure as the handler of the query `Q`, under a stable name.
    #[track_caller]
    pub fn query_fn<Q, F, Fut>(
        name: impl Into<Cow<'static, str>>,
        execute: F,
    ) -> HandlerRegistration
    where
        Q: Query,
        F: Fn(Q, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Q::Output, Q::Error>> + Send + 'static,
    {
        let query = MessageRegistration::query::<Q>(Source::UNKNOWN);
        let route = ExecutionRoute::closure::<Q, F, Fut, _, _>(query);
        HandlerRegistration { execution: Some(route), ..ready_handler(name, execute) }
    }
}

#[track_caller]
fn ready_handler<H: Send + Sync + 'static>(
    name: impl Into<Cow<'static, str>>,
    ready: H,
) -> HandlerRegistration {
    HandlerRegistration {
        name: name.into(),
        source: Source::caller(),
        options: HandlerOptions::DEFAULT,
        batch: None,
        handler: TypeRef::of::<H>,
        dependencies: Vec::new,
        construct: Construct::Ready(Arc::new(ready)),
        routes: Cow::Borrowed(&[]),
        execution: None,
        emits: None,
    }
}

impl HandlerRegistration {
    /// Replaces the handler's options. A command or query handler uses only the time-out, and the retry policy if it is
    /// retried.
    pub fn options(mut self, options: HandlerOptions) -> Self {
        self.options = options;
        self
    }
}

/// A registration of `H` to which events are added, by routes `R`: of an [`EventHandler`], of a [`BatchEventHandler`],
/// or of one that writes in a transaction.
#[derive(Debug)]
pub struct EventsHandler<H, const BATCHES: bool = false, R = EventRoute>(
    HandlerRegistration,
    PhantomData<fn() -> (H, R)>,
);

/// A registration of `H` as a handler of batches, to which events are added.
pub type BatchesHandler<H> = EventsHandler<H, true>;

impl<H: Send + Sync + 'static> EventsHandler<H> {
    /// Also handles every event with `#[event(as = T)]`, where `T` is a trait object.
    pub fn on_alias<T: ?Sized + Send + Sync + 'static>(self) -> Self
    where
        H: EventHandler<T>,
    {
        self.route(EventRoute::alias::<H, T>())
    }

    /// Also handles `E`.
    pub fn on<E: Event>(self) -> Self
    where
        H: EventHandler<E>,
    {
        self.route(EventRoute::to::<H, E>())
    }

    /// Handles every event.
    pub fn on_any(self) -> Self
    where
        H: EventHandler<AnyEvent>,
    {
        self.route(EventRoute::any::<H>())
    }
}

impl<H: Send + Sync + 'static> BatchesHandler<H> {
    /// Also handles `E`.
    pub fn on<E: Event>(self) -> Self
    where
        H: BatchEventHandler<E>,
    {
        self.route(EventRoute::batches_to::<H, E>())
    }

    /// Handles every event.
    pub fn on_any(self) -> Self
    where
        H: BatchEventHandler<AnyEvent>,
    {
        self.route(EventRoute::batches_of_any::<H>())
    }
}

impl<H: Send + Sync + 'static, T: 'static> EventsHandler<H, false, TransactionalRoute<T>> {
    /// Also handles `E`.
    pub fn on<E: Event>(self) -> Self
    where
        H: TransactionalEventHandler<E, Transaction = T>,
    {
        self.route(TransactionalRoute::to::<H, E>().into())
    }

    /// Handles every event.
    pub fn on_any(self) -> Self
    where
        H: TransactionalEventHandler<AnyEvent, Transaction = T>,
    {
        self.route(TransactionalRoute::any::<H>().into())
    }
}

impl<H: Send + Sync + 'static, T: 'static> EventsHandler<H, true, TransactionalRoute<T>> {
    /// Also handles `E`.
    pub fn on<E: Event>(self) -> Self
    where
        H: TransactionalBatchEventHandler<E, Transaction = T>,
    {
        self.route(TransactionalRoute::batches_to::<H, E>().into())
    }

    /// Handles every event.
    pub fn on_any(self) -> Self
    where
        H: TransactionalBatchEventHandler<AnyEvent, Transaction = T>,
    {
        self.route(TransactionalRoute::batches_of_any::<H>().into())
    }
}

impl<H, const BATCHES: bool, R> EventsHandler<H, BATCHES, R> {
    fn route(mut self, route: EventRoute) -> Self {
        self.0.routes.to_mut().push(route);
        self
    }

    /// Replaces the handler's options.
    pub fn options(self, options: HandlerOptions) -> Self {
        Self(self.0.options(options), PhantomData)
    }
}

impl<H, const BATCHES: bool, R> From<EventsHandler<H, BATCHES, R>> for HandlerRegistration {
    fn from(handler: EventsHandler<H, BATCHES, R>) -> Self {
        handler.0
    }
}
