//! Publishing events.

use std::any::TypeId;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::event_hub::{EventHub, refused, sent};
use super::waiters::HandlerOutcome;
use super::{Begun, BusFuture, CancelError, PublishError};
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::log::Staged;
use crate::message::{AnyEvent, Event, Published};
use crate::observe;
use crate::runtime::{InFlight, Live};

/// Publishes events. Injectable; cloning is cheap.
///
/// A bus does not keep its application alive: once the last [`App`](crate::App) is dropped or shut
/// down, publishing is refused.
#[derive(Debug, Clone)]
pub struct EventBus(pub(super) Weak<EventHub>);

/// Calls a method of the hub with an event of type `E`, or several, inside all middleware around publishing. Without
/// middleware, it only calls the method.
macro_rules! publish {
    ($hub:ident.$method:ident($ctx:ident, $events:ident $(, $more:expr)*)) => {
        if $hub.has_no_middleware() {
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

    /// As [`publish_at`](Self::publish_at), this long after the application's [time](Context::now).
    ///
    /// # Errors
    ///
    /// As [`publish_at`](Self::publish_at).
    pub async fn publish_after<E: Event>(
        &self,
        ctx: &Context,
        delay: Duration,
        event: E,
    ) -> Result<Uuid, PublishError> {
        let now = self.0.upgrade().map(|hub| hub.dispatcher.shared.lifecycle.clock.timestamp());
        let at = now.unwrap_or_default().checked_add(delay).unwrap_or(Timestamp::MAX);
        self.publish_at(ctx, at, event).await
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
