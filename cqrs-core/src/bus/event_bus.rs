//! Publishing events.

use std::any::TypeId;
use std::pin::pin;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use jiff::Timestamp;
use rustc_hash::FxHashSet;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::dispatcher::{Dispatcher, Refused, try_take_permits};
use super::feed::Route;
use super::publish_middleware::PublishMiddlewares;
use super::subscription::Subscriptions;
use super::waiters::HandlerOutcome;
use super::{Begun, BusFuture, CancelError, PublishError};
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::lane::{Deferred, Publishes};
use crate::log::Staged;
use crate::message::{AnyEvent, Event, Published};
use crate::observe::{self, Happening, Observed};
use crate::payload::MAX_PAYLOAD_DEPTH;
use crate::registry::Unhandled;
use crate::runtime::{InFlight, Live};
use crate::subscription::Codec;

/// Publishes events. Injectable; cloning is cheap.
///
/// A bus does not keep its application alive: once the last [`App`](crate::App) is dropped or shut
/// down, publishing is refused.
#[derive(Debug, Clone)]
pub struct EventBus(pub(super) Weak<EventHub>);

/// What the event buses of one application share.
pub(crate) struct EventHub {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// Reads events by their names.
    pub(super) codec: Arc<Codec>,
    options: PublishOptions,
    subscriptions: Subscriptions,
    /// Whether the log says already that events wait for the start.
    waits: Once,
    /// Events without a handler that the log has named.
    unhandled: Mutex<FxHashSet<TypeId>>,
}

/// What an application says about publishing.
pub(crate) struct PublishOptions {
    pub(crate) middlewares: PublishMiddlewares,
    /// The largest payload, in bytes as JSON.
    pub(crate) payload_limit: usize,
    /// The longest chain of events that cause one another.
    pub(crate) cascade_limit: u32,
    /// Why an event that no handler wants has none.
    pub(crate) unhandled: Arc<Unhandled>,
    /// Whether publishing starts the workers.
    pub(crate) starts_by_itself: bool,
}

/// Calls a method of the hub with an event of type `E`, or several, inside all middleware around publishing. Without
/// middleware, it only calls the method.
macro_rules! publish {
    ($hub:ident.$method:ident($ctx:ident, $events:ident $(, $more:expr)*)) => {
        if $hub.options.middlewares.is_empty() {
            $hub.$method($ctx, $events $(, $more)*).await
        } else {
            let inner = Arc::clone(&$hub);
            let publish = move |ctx: Context, events| -> BoxFuture<'static, _> {
                Box::pin(async move { inner.$method(&ctx, events $(, $more)*).await })
            };
            Box::pin($hub.inside_middleware(E::NAME, $ctx, $events, publish)).await
        }
    };
}

impl EventBus {
    pub(crate) fn new(hub: &Arc<EventHub>) -> Self {
        Self(Arc::downgrade(hub))
    }

    /// Publishes `event`: every handler that wants it gets a delivery of its own. Returns the event's
    /// id as soon as the event is accepted; what handlers make of it never reaches the publisher.
    ///
    /// Inside an event handler, and in what that executes, the event counts when the handler succeeds: it is
    /// sent when the handler returns `Ok`, and dropped when the attempt fails, so that a retry does not
    /// publish it twice. [`publish_now`](Self::publish_now) does not wait for that.
    ///
    /// If a handler's queue is full, publishing waits for a permit; it has no permit at any other handler
    /// meanwhile. It waits for as long as it takes, whatever the context's deadline: put a
    /// [`timeout`](tokio::time::timeout) around it if that matters. Inside an event handler it never
    /// waits, since that could be for the handler itself.
    ///
    /// Cancel safe: when the returned future is dropped, either all handlers get the event or none.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when the payload is too large or cannot be serialised, the chain of events that
    /// led to this one is too long, or the application takes no more events. No handler gets the event
    /// then.
    pub fn publish<'a, E: Event>(
        &'a self,
        ctx: &'a Context,
        event: E,
    ) -> BusFuture<'a, Self, E, Result<Uuid, PublishError>> {
        BusFuture::new(self, ctx, event, |bus, ctx, event, _| {
            bus.begin_publish(ctx, event).unwrap_or_else(|error| Begun::Ended(Err(error)))
        })
    }

    /// Publishes `event`, up to the first wait.
    fn begin_publish<'a, E: Event>(
        &'a self,
        ctx: &'a Context,
        event: E,
    ) -> Result<Begun<'a, Result<Uuid, PublishError>>, PublishError> {
        let (hub, in_flight) = self.admit(ctx, std::slice::from_ref(&event))?;
        if !hub.has_no_middleware() {
            return Ok(Begun::Waits(Box::pin(async move {
                let _in_flight = in_flight;
                publish!(hub.publish(ctx, event))
            })));
        }
        let (event, observed) = hub.begin(ctx, event)?;
        if let Some(result) = hub.try_publish(ctx, &event) {
            return Ok(Begun::Ended(sent(result, &event, observed)));
        }
        Ok(Begun::Waits(Box::pin(async move {
            let _in_flight = in_flight;
            hub.send(ctx, &event, observed).await
        })))
    }

    /// Publishes `event` at once, also inside an event handler that may still fail: for progress reports.
    /// Elsewhere it is the same as [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_now<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<Uuid, PublishError> {
        let (hub, _in_flight) = self.admit(ctx, std::slice::from_ref(&event))?;
        publish!(hub.publish_now(ctx, event))
    }

    /// Publishes an event of the framework at once, if a handler wants it.
    pub(crate) async fn publish_if_wanted<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<(), PublishError> {
        let is_wanted = self.0.upgrade().is_some_and(|hub| hub.handlers_of(TypeId::of::<E>()) > 0);
        if is_wanted { self.publish_now(ctx, event).await.map(drop) } else { Ok(()) }
    }

    /// Publishes `events` in order, as [`publish`](Self::publish) does. Returns their ids.
    ///
    /// All payloads are checked before the first event is accepted. With a store, all events are accepted or none.
    /// Without one, it is not cancel safe: when the returned future is dropped while it waits for a permit, the first
    /// events may have been accepted.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when a payload is refused; none of the events is published then. Or when the
    /// application stops meanwhile.
    pub async fn publish_all<E: Event>(
        &self,
        ctx: &Context,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Vec<Uuid>, PublishError> {
        let events: Vec<E> = events.into_iter().collect();
        let (hub, _in_flight) = self.admit(ctx, &events)?;
        publish!(hub.publish_all(ctx, events))
    }

    /// Publishes `event` and waits until every handler has settled it, retries included. Returns each
    /// handler's outcome, in the order of their names.
    ///
    /// With a store, the outcomes of an event that another node handles are not known here: they say so.
    ///
    /// For tools and tests, and for callers that must know; an event is no request. Dropping the returned
    /// future stops the waiting, not the handlers.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish); and [`PublishError::WaitInsideHandler`] inside an event handler,
    /// where it could wait for itself.
    pub async fn publish_and_wait<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<Vec<HandlerOutcome>, PublishError> {
        let (hub, in_flight) = self.admit(ctx, std::slice::from_ref(&event))?;
        publish!(hub.publish_and_wait(ctx, event, in_flight))
    }

    /// Publishes `event` when `at` has come, by the store's clock; at once if that is in the past. Returns its id, with
    /// which it can be [cancelled](Self::cancel), as soon as the store has it. It needs an application with a store,
    /// and survives the end of the process: any running node of the application publishes it, once.
    ///
    /// The event keeps the tenant, the actor, the cause and the trace of `ctx`. Its
    /// [`occurred_at`](AnyEvent::occurred_at) is `at`. The deadline of `ctx` only bounds how long the store is tried now.
    /// [`App::idle`](crate::App::idle) does not wait for scheduled events, nor does a shutdown.
    ///
    /// Inside an event handler or a transactional command, the event is scheduled when the handler succeeds, as with
    /// [`publish`](Self::publish). Handlers that are `transient`, and streams, get the event in the process that moves
    /// it into the log.
    ///
    /// ```no_run
    /// use cqrs_core::log::MemoryStore;
    /// use cqrs_core::prelude::*;
    /// use jiff::{Timestamp, ToSpan as _};
    ///
    /// #[derive(Serialize, Deserialize, Event)]
    /// struct TrialEnding {
    ///     #[event(entity_id)]
    ///     customer: u32,
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let app = App::builder().store(MemoryStore::new()).build()?;
    ///     let ctx = Context::for_tenant("acme")?;
    ///     let tomorrow = Timestamp::now() + 24.hours();
    ///     let id = app.events().publish_at(&ctx, tomorrow, TrialEnding { customer: 7 }).await?;
    ///
    ///     // The customer has paid.
    ///     let was_scheduled = app.events().cancel(id).await?;
    ///     assert!(was_scheduled);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish); and [`PublishError::NoStore`] if the application has none.
    pub async fn publish_at<E: Event>(
        &self,
        ctx: &Context,
        at: Timestamp,
        event: E,
    ) -> Result<Uuid, PublishError> {
        let (hub, _in_flight) = self.admit(ctx, std::slice::from_ref(&event))?;
        publish!(hub.publish_at(ctx, event, at))
    }

    /// Cancels the event with this id, which [`publish_at`](Self::publish_at) has returned. Returns whether it was still
    /// scheduled: `false` if it was published already or cancelled before, and for any other id. After `true`, no
    /// handler gets it.
    ///
    /// It takes effect at once, also inside an event handler that may still fail. What such a handler has scheduled
    /// itself can be cancelled after it has succeeded.
    ///
    /// # Errors
    ///
    /// [`CancelError`].
    pub async fn cancel(&self, id: Uuid) -> Result<bool, CancelError> {
        let hub = self.0.upgrade().ok_or(CancelError::ShutDown)?;
        // During a shutdown too: without a context, it is not known whether this is a part of work in flight.
        let in_flight = hub.dispatcher.shared.lifecycle.admit(true);
        let _in_flight = in_flight.ok_or(CancelError::ShutDown)?;
        let engine = hub.dispatcher.engine().ok_or(CancelError::NoStore)?;
        Ok(engine.cancel(id).await?)
    }

    /// Makes `event` ready to be published in a transaction of the store's database; for extension traits of stores,
    /// such as `cqrs_sql::PublishIn`. Nothing is published yet.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish); [`PublishError::NoStore`] if the application has none; and
    /// [`PublishError::NotStarted`] before its start, when handlers that are new would miss the event.
    pub async fn stage<E: Event>(&self, ctx: &Context, event: E) -> Result<Staged, PublishError> {
        self.stage_for(ctx, None, event).await
    }

    /// As [`stage`](Self::stage), for an event that is scheduled for this time.
    ///
    /// # Errors
    ///
    /// As [`stage`](Self::stage).
    pub async fn stage_at<E: Event>(
        &self,
        ctx: &Context,
        at: Timestamp,
        event: E,
    ) -> Result<Staged, PublishError> {
        self.stage_for(ctx, Some(at), event).await
    }

    async fn stage_for<E: Event>(
        &self,
        ctx: &Context,
        at: Option<Timestamp>,
        event: E,
    ) -> Result<Staged, PublishError> {
        let (hub, _in_flight) = self.admit(ctx, std::slice::from_ref(&event))?;
        publish!(hub.stage(ctx, event, at))
    }

    /// Events of type `E` from now on, as they are accepted; an ended stream once the application is
    /// gone.
    pub fn subscribe<E: Event>(&self) -> Live<Published<E>> {
        self.0.upgrade().map_or_else(Live::ended, |hub| hub.subscriptions.subscribe())
    }

    /// Every event from now on, as it is accepted; an ended stream once the application is gone.
    pub fn subscribe_all(&self) -> Live<AnyEvent> {
        self.0.upgrade().map_or_else(Live::ended, |hub| hub.subscriptions.subscribe_all())
    }

    /// Counts a publish of this event as in flight.
    pub(super) fn enter(
        &self,
        ctx: &Context,
        event: &'static str,
    ) -> Result<(Arc<EventHub>, InFlight), PublishError> {
        let shut_down = PublishError::ShutDown { event };
        let Some(hub) = self.0.upgrade() else { return Err(shut_down) };
        let lifecycle = &hub.dispatcher.shared.lifecycle;
        match lifecycle.admit(ctx.is_inside(lifecycle)) {
            Some(in_flight) => Ok((hub, in_flight)),
            None => Err(refused(ctx, shut_down)),
        }
    }

    /// Counts a publish of `events` as in flight, and checks their sizes. Work that is under way may publish
    /// during a shutdown; nothing else may.
    fn admit<E: Event>(
        &self,
        ctx: &Context,
        events: &[E],
    ) -> Result<(Arc<EventHub>, InFlight), PublishError> {
        let (hub, in_flight) = self.enter(ctx, E::NAME)?;
        for event in events {
            let size = event.json_size();
            hub.check_size(E::NAME, size).map_err(|error| refused(ctx, error))?;
        }
        if !events.is_empty() {
            observe::emitted(hub.dispatcher.shared.observer.as_ref(), ctx, E::NAME);
        }
        Ok((hub, in_flight))
    }
}

impl EventHub {
    pub(crate) fn new(
        dispatcher: Arc<Dispatcher>,
        codec: Arc<Codec>,
        options: PublishOptions,
    ) -> Self {
        let (waits, unhandled) = (Once::new(), Mutex::default());
        let subscriptions = Subscriptions::default();
        Self { dispatcher, codec, options, subscriptions, waits, unhandled }
    }

    pub(crate) fn end_streams(&self) {
        self.subscriptions.end();
        self.dispatcher.shared.failures.end();
    }

    /// Whether there is no middleware around publishing.
    pub(super) fn has_no_middleware(&self) -> bool {
        self.options.middlewares.is_empty()
    }

    /// Checks the size of a payload that was measured before.
    pub(super) fn check_size(
        &self,
        event: &'static str,
        size: serde_json::Result<usize>,
    ) -> Result<(), PublishError> {
        let limit = self.options.payload_limit;
        match size {
            Ok(size) if size <= limit => Ok(()),
            Ok(size) => Err(PublishError::TooLarge { event, size, limit }),
            Err(error) if error.is_io() => {
                Err(PublishError::TooDeep { event, limit: MAX_PAYLOAD_DEPTH })
            }
            Err(error) => Err(PublishError::Unserializable { event, error }),
        }
    }

    /// Publishes a checked event: with the unit of work that it is part of, or at once.
    async fn publish<E: Event>(
        self: &Arc<Self>,
        ctx: &Context,
        event: E,
    ) -> Result<Uuid, PublishError> {
        let (event, observed) = self.begin(ctx, event)?;
        self.publish_begun(ctx, event, observed).await
    }

    /// Publishes an event that has its own context: at the end of its unit of work, or at once if it has none.
    pub(super) async fn publish_begun(
        self: &Arc<Self>,
        ctx: &Context,
        event: AnyEvent,
        observed: Observed,
    ) -> Result<Uuid, PublishError> {
        if self.defer_all(ctx, std::slice::from_ref(&event), None) {
            observed.end(None);
            return Ok(event.id());
        }
        self.send(ctx, &event, observed).await
    }

    /// Runs `publish` inside all middleware around publishing.
    pub(super) async fn inside_middleware<M: Send + Sync + 'static, T: Send>(
        &self,
        event: &'static str,
        ctx: &Context,
        events: M,
        publish: impl FnOnce(Context, M) -> BoxFuture<'static, Result<T, PublishError>> + Send,
    ) -> Result<T, PublishError> {
        let is_cascade = ctx.is_inside(&self.dispatcher.shared.lifecycle);
        let middlewares = &self.options.middlewares;
        let (result, was_run) = middlewares.around(event, ctx, is_cascade, events, publish).await;
        if was_run { result } else { result.map_err(|error| refused(ctx, error)) }
    }

    /// Publishes a checked event at once.
    async fn publish_now<E: Event>(&self, ctx: &Context, event: E) -> Result<Uuid, PublishError> {
        let (event, observed) = self.begin(ctx, event)?;
        self.send(ctx, &event, observed).await
    }

    /// Publishes a checked event and waits until every handler has settled it.
    async fn publish_and_wait<E: Event>(
        &self,
        ctx: &Context,
        event: E,
        in_flight: InFlight,
    ) -> Result<Vec<HandlerOutcome>, PublishError> {
        if ctx.is_inside_delivery(&self.dispatcher.shared.lifecycle) {
            return Err(refused(ctx, PublishError::WaitInsideHandler { event: E::NAME }));
        }
        let (event, observed) = self.begin(ctx, event)?;
        let handlers = self.handlers_of(TypeId::of::<E>());
        let waiter = self.dispatcher.waiters.wait(event.id(), handlers);
        self.send(ctx, &event, observed).await?;
        drop(in_flight);
        if handlers == 0 {
            return Ok(Vec::new());
        }
        let mut outcomes = pin!(waiter.outcomes());
        if let Some(engine) = self.dispatcher.engine() {
            tokio::select! {
                biased;
                outcomes = &mut outcomes => return Ok(outcomes),
                () = engine.elsewhere(&event) => {}
            }
        }
        Ok(outcomes.await)
    }

    /// Makes a checked event ready to be published in a transaction.
    #[allow(clippy::unused_async, reason = "`publish!` awaits all that it surrounds")]
    async fn stage<E: Event>(
        &self,
        ctx: &Context,
        event: E,
        at: Option<Timestamp>,
    ) -> Result<Staged, PublishError> {
        let no_store = || refused(ctx, PublishError::NoStore { event: E::NAME });
        let engine = self.dispatcher.engine().ok_or_else(no_store)?;
        if !engine.is_subscribed() {
            return Err(refused(ctx, PublishError::NotStarted { event: E::NAME }));
        }
        let (event, observed) = self.begin_at(ctx, event, at)?;
        let staged = engine.stage(&event);
        let staged = staged.map_err(|error| PublishError::Unserializable { event: E::NAME, error });
        observed.end(staged.as_ref().err().map(PublishError::error_type));
        staged
    }

    /// Publishes checked events in order.
    async fn publish_all<E: Event>(
        self: &Arc<Self>,
        ctx: &Context,
        events: Vec<E>,
    ) -> Result<Vec<Uuid>, PublishError> {
        if self.dispatcher.engine().is_some() {
            return self.publish_together(ctx, events).await;
        }
        let mut ids = Vec::with_capacity(events.len());
        for event in events {
            ids.push(self.publish(ctx, event).await?);
        }
        Ok(ids)
    }

    /// Publishes checked events, all or none.
    async fn publish_together<E: Event>(
        self: &Arc<Self>,
        ctx: &Context,
        events: Vec<E>,
    ) -> Result<Vec<Uuid>, PublishError> {
        let begun = events.into_iter().map(|event| self.begin(ctx, event));
        let (events, observed): (Vec<_>, Vec<_>) =
            begun.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let ids = events.iter().map(AnyEvent::id).collect();
        let result = if self.defer_all(ctx, &events, None) {
            Ok(())
        } else {
            match self.start_if_needed() {
                Ok(()) => self.append(ctx, &events).await,
                Err(refused) => Err(refused),
            }
        };
        let result = result.map_err(|refused| refused.publishing(E::NAME));
        for observed in observed {
            observed.end(result.as_ref().err().map(PublishError::error_type));
        }
        result.map(|()| ids)
    }

    /// Schedules a checked event: with the unit of work that it is part of, or now.
    async fn publish_at<E: Event>(
        self: &Arc<Self>,
        ctx: &Context,
        event: E,
        at: Timestamp,
    ) -> Result<Uuid, PublishError> {
        let no_store = || refused(ctx, PublishError::NoStore { event: E::NAME });
        let engine = self.dispatcher.engine().ok_or_else(no_store)?;
        let (event, observed) = self.begin_at(ctx, event, Some(at))?;
        let scheduling = async {
            if self.defer_all(ctx, std::slice::from_ref(&event), Some(at)) {
                return Ok(());
            }
            self.start_if_needed()?;
            Handle::try_current().map_err(|_| Refused::NoRuntime)?;
            Ok(engine.publish_at(ctx, at, &event).await?)
        };
        let result = scheduling.await.map_err(|refused: Refused| refused.publishing(E::NAME));
        observed.end(result.as_ref().err().map(PublishError::error_type));
        result.map(|()| event.id())
    }

    /// Defers `events` until the handler that publishes them succeeds, if there is one.
    fn defer_all(
        self: &Arc<Self>,
        ctx: &Context,
        events: &[AnyEvent],
        due: Option<Timestamp>,
    ) -> bool {
        let lifecycle = &self.dispatcher.shared.lifecycle;
        ctx.may_defer(lifecycle)
            && events.iter().all(|event| {
                let deferred = Deferred { event: event.clone(), due, to: Arc::clone(self) as _ };
                ctx.defer(lifecycle, Box::new(deferred)).is_ok()
            })
    }

    /// Gives the event its context.
    fn begin<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<(AnyEvent, Observed), PublishError> {
        self.begin_at(ctx, event, None)
    }

    /// As [`begin`](Self::begin), for an event that is published at this time.
    fn begin_at<E: Event>(
        &self,
        ctx: &Context,
        event: E,
        at: Option<Timestamp>,
    ) -> Result<(AnyEvent, Observed), PublishError> {
        let (context, observed) = self.context_of(ctx, E::NAME, at)?;
        Ok((AnyEvent::new(context, event), observed))
    }

    /// The context of an event that is published now, or at the given time.
    pub(super) fn context_of(
        &self,
        ctx: &Context,
        event: &'static str,
        at: Option<Timestamp>,
    ) -> Result<(Context, Observed), PublishError> {
        let limit = self.options.cascade_limit;
        let mut context = ctx.for_event(limit).map_err(|chain| {
            let chain = chain.to_string();
            refused(ctx, PublishError::CascadeTooLong { event, limit, chain })
        })?;
        let clock = &self.dispatcher.shared.lifecycle.clock;
        // A new context has this machine's time.
        let at = at.or_else(|| (!clock.ahead().is_zero()).then(|| clock.timestamp()));
        if let Some(at) = at {
            context = context.at(at);
        }
        let observed = Observed::publish(event, &mut context);
        Ok((context, observed))
    }

    /// Hands the event to its handlers now, or to the log.
    async fn send(
        &self,
        ctx: &Context,
        event: &AnyEvent,
        observed: Observed,
    ) -> Result<Uuid, PublishError> {
        let result = match self.start_if_needed() {
            Err(refused) => Err(refused),
            Ok(()) if self.dispatcher.engine().is_none() => self.deliver(ctx, event).await,
            // Boxed, so that the future of a publish in memory is small.
            Ok(()) => Box::pin(self.append(ctx, std::slice::from_ref(event))).await,
        };
        sent(result, event, observed)
    }

    /// Appends events to the log, all or none.
    async fn append(&self, ctx: &Context, events: &[AnyEvent]) -> Result<(), Refused> {
        let Some(engine) = self.dispatcher.engine() else { return Err(Refused::ShutDown) };
        // The log needs timers and tasks.
        Handle::try_current().map_err(|_| Refused::NoRuntime)?;
        engine.publish(ctx, events.to_vec()).await?;
        for event in events {
            // It is accepted. Handlers that are `transient` may miss it if the application stops now.
            let _ = self.deliver(ctx, event).await;
        }
        Ok(())
    }

    /// Whether event handlers run, or will run with the first publish.
    pub(crate) fn needs_no_start(&self) -> bool {
        self.dispatcher.is_started() || self.options.starts_by_itself
    }

    fn start_if_needed(&self) -> Result<(), Refused> {
        if self.dispatcher.is_started() {
            return Ok(());
        }
        if !self.dispatcher.is_connected() {
            return Err(Refused::NotBuilt);
        }
        if self.options.starts_by_itself {
            return self.dispatcher.start();
        }
        self.waits.call_once(|| {
            tracing::info!("events are kept; their handlers run after `App::start`");
        });
        Ok(())
    }

    /// Publishes an event that has its own context, unless that must wait for a permit or for the log.
    fn try_publish(
        self: &Arc<Self>,
        ctx: &Context,
        event: &AnyEvent,
    ) -> Option<Result<(), Refused>> {
        if self.defer_all(ctx, std::slice::from_ref(event), None) {
            return Some(Ok(()));
        }
        if self.dispatcher.engine().is_some() {
            return None;
        }
        let takes_permits = !ctx.is_inside_any_delivery();
        let routes = self.start_if_needed();
        let routes = match routes.and_then(|()| self.dispatcher.routes_of(event.event_type())) {
            Ok(routes) => routes,
            Err(refused) => return Some(Err(refused)),
        };
        let tenant = event.context().tenant_key();
        if takes_permits && try_take_permits(routes, tenant, &[], None).is_err() {
            return None;
        }
        Some(self.dispatch(routes, event, takes_permits))
    }

    /// Hands an event to the lanes of its handlers in memory.
    async fn deliver(&self, ctx: &Context, event: &AnyEvent) -> Result<(), Refused> {
        // What a handler publishes never waits: it could wait for the handler itself.
        let takes_permits = !ctx.is_inside_any_delivery();
        let routes = self.dispatcher.routes_of(event.event_type())?;
        if takes_permits {
            self.dispatcher.take_permits(routes, event.context().tenant_key()).await?;
        }
        // From here on nothing waits, so the event reaches all of its handlers or none.
        self.dispatch(routes, event, takes_permits)
    }

    fn dispatch(
        &self,
        routes: &[Route],
        event: &AnyEvent,
        has_permits: bool,
    ) -> Result<(), Refused> {
        if routes.is_empty() && self.handlers_of(event.event_type()) == 0 {
            self.warn_unhandled(event);
        }
        self.dispatcher.dispatch(routes, event, has_permits, || {
            self.subscriptions.show(event);
            if let Some(observer) = &self.dispatcher.shared.observer {
                observer.observe(Happening::Published(event.clone()));
            }
        })
    }

    /// How many handlers want this event.
    fn handlers_of(&self, event: TypeId) -> usize {
        let in_memory = self.dispatcher.routes_of(event).map_or(0, <[_]>::len);
        in_memory + self.dispatcher.engine().map_or(0, |engine| engine.wanted_by(event))
    }

    /// Says once that no handler wants this event.
    #[cold]
    fn warn_unhandled(&self, event: &AnyEvent) {
        let mut unhandled = self.unhandled.lock().unwrap_or_else(PoisonError::into_inner);
        if unhandled.insert(event.event_type()) {
            let reason = self.options.unhandled.reason(event.event_type());
            tracing::warn!(event = event.name(), "no handler wants this event: {reason}");
        }
    }
}

impl Publishes for EventHub {
    fn publish_deferred(self: Arc<Self>, deferred: Deferred) {
        if let Some(engine) = self.dispatcher.engine() {
            return engine.publish_now(deferred);
        }
        // It fails when the application stopped: then the delivery that published it is reported as
        // unfinished.
        self.appended(&deferred.event);
    }

    fn appended(&self, event: &AnyEvent) {
        let routes = self.dispatcher.routes_of(event.event_type());
        let _ = routes.and_then(|routes| self.dispatch(routes, event, false));
    }

    fn scheduled(&self) {
        if let Some(engine) = self.dispatcher.engine() {
            engine.note_scheduled();
        }
    }
}

/// What the publisher gets.
fn sent(
    result: Result<(), Refused>,
    event: &AnyEvent,
    observed: Observed,
) -> Result<Uuid, PublishError> {
    let result = result.map_err(|refused| refused.publishing(event.name()));
    observed.end(result.as_ref().err().map(PublishError::error_type));
    result.map(|()| event.id())
}

/// Makes a refusal visible to operators.
#[cold]
pub(super) fn refused(ctx: &Context, error: PublishError) -> PublishError {
    observe::publish_refused(error.event(), ctx, error.error_type());
    error
}
