//! What the event buses of one application share: an event on its way to the lanes or to the log.

use std::any::TypeId;
use std::pin::pin;
use std::sync::{Arc, Mutex, Once, PoisonError};

use jiff::Timestamp;
use rustc_hash::FxHashSet;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::PublishError;
use super::dispatcher::{Dispatcher, Refused, try_take_permits};
use super::feed::Route;
use super::publish_middleware::PublishMiddlewares;
use super::subscription::Subscriptions;
use super::waiters::HandlerOutcome;
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::lane::{Deferred, Publishes};
use crate::log::Staged;
use crate::message::{AnyEvent, Event};
use crate::observe::{self, Happening, Observed};
use crate::payload::MAX_PAYLOAD_DEPTH;
use crate::registry::Unhandled;
use crate::runtime::InFlight;
use crate::subscription::Codec;

/// What the event buses of one application share.
pub(crate) struct EventHub {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// Reads events by their names.
    pub(super) codec: Arc<Codec>,
    options: PublishOptions,
    pub(super) subscriptions: Subscriptions,
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
    pub(super) async fn publish<E: Event>(
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
    pub(super) async fn publish_now<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<Uuid, PublishError> {
        let (event, observed) = self.begin(ctx, event)?;
        self.send(ctx, &event, observed).await
    }

    /// Publishes a checked event and waits until every handler has settled it.
    pub(super) async fn publish_and_wait<E: Event>(
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
    pub(super) async fn stage<E: Event>(
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
    pub(super) async fn publish_all<E: Event>(
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
    pub(super) async fn publish_together<E: Event>(
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
    pub(super) async fn publish_at<E: Event>(
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
    pub(super) fn begin<E: Event>(
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
    pub(super) async fn send(
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
    pub(super) fn try_publish(
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
    pub(super) fn handlers_of(&self, event: TypeId) -> usize {
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
pub(super) fn sent(
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
