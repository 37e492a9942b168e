//! Publishing events.

use std::sync::{Arc, Once, Weak};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::subscription::Subscriptions;
use super::{AnyEventStream, EventStream, PublishError};
use crate::context::Context;
use crate::delivery::{Dispatcher, HandlerOutcome, Refused};
use crate::handler::DeliveryError;
use crate::message::{AnyEvent, Event};
use crate::observe::Publishing;
use crate::payload::MAX_PAYLOAD_DEPTH;
use crate::runtime::InFlight;

/// Publishes events. Injectable; cloning is cheap.
///
/// A bus does not keep its application alive: once the last [`App`](crate::App) is dropped or shut
/// down, publishing is refused.
#[derive(Debug, Clone)]
pub struct EventBus(Weak<EventHub>);

/// What the buses of one application share.
pub(crate) struct EventHub {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) payload_limit: usize,
    /// Whether publishing starts the workers; not when the user wants to start them.
    pub(crate) starts_by_itself: bool,
    /// Whether it was said that events wait for the start.
    waits: Once,
    subscriptions: Subscriptions,
}

impl EventBus {
    pub(crate) fn new(hub: &Arc<EventHub>) -> Self {
        Self(Arc::downgrade(hub))
    }

    /// Publishes `event`: every handler that wants it gets a delivery of its own. Returns the event's
    /// id as soon as the event is accepted; what handlers make of it never reaches the publisher.
    ///
    /// Where a handler's queue is full, publishing waits for room; not inside an event handler, since
    /// waiting there could be waiting for oneself. While it waits, it keeps its place at the event's other
    /// handlers. It waits as long as it takes, whatever the context's deadline: put a
    /// [`timeout`](tokio::time::timeout) around it where that matters.
    ///
    /// Cancel safe: when the returned future is dropped, either all handlers get the event or none.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when the payload is too large or cannot be serialised, or the application takes
    /// no more events. No handler gets the event then.
    pub async fn publish<E: Event>(&self, ctx: &Context, event: E) -> Result<Uuid, PublishError> {
        let hub = self.hub::<E>()?;
        let (id, _) = hub.publish(ctx, event, false).await?;
        Ok(id)
    }

    /// Publishes `events` in order, as [`publish`](Self::publish) does. Returns their ids.
    ///
    /// All payloads are checked before the first event is accepted. Not cancel safe: when the returned
    /// future is dropped while it waits for room, the first events may have been accepted.
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
        let hub = self.hub::<E>()?;
        let in_flight = hub.admit::<E>(ctx)?;
        let events: Vec<E> = events.into_iter().collect();
        for event in &events {
            hub.check_size(event).inspect_err(|error| refused::<E>(ctx, error))?;
        }
        let mut ids = Vec::with_capacity(events.len());
        for event in events {
            let (id, _) = hub.accept(ctx, event, false).await?;
            ids.push(id);
        }
        drop(in_flight);
        Ok(ids)
    }

    /// Publishes `event` and waits until every handler has settled it, retries included. Returns each
    /// handler's outcome, in the order of their names.
    ///
    /// For tools and tests, and for those who need to know; an event is no request. Dropping the
    /// returned future stops the waiting, not the handlers.
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
        let hub = self.hub::<E>()?;
        if ctx.is_inside_delivery(&hub.dispatcher.engine.lifecycle) {
            let error = PublishError::WaitInsideHandler { event: E::NAME };
            refused::<E>(ctx, &error);
            return Err(error);
        }
        let (_, receivers) = hub.publish(ctx, event, true).await?;

        let mut outcomes = Vec::with_capacity(receivers.len());
        for (handler, outcome) in receivers {
            outcomes.push(hub.dispatcher.staffed(outcome).await.unwrap_or(HandlerOutcome {
                handler,
                attempts: 0,
                result: Err(DeliveryError::ShutDown),
            }));
        }
        outcomes.sort_by(|a, b| a.handler.cmp(&b.handler));
        Ok(outcomes)
    }

    /// Events of type `E` from now on, as they are accepted; an ended stream once the application is
    /// gone.
    pub fn subscribe<E: Event>(&self) -> EventStream<E> {
        self.0
            .upgrade()
            .map_or_else(|| Subscriptions::ended().subscribe(), |hub| hub.subscriptions.subscribe())
    }

    /// Every event from now on, as it is accepted; an ended stream once the application is gone.
    pub fn subscribe_all(&self) -> AnyEventStream {
        self.0.upgrade().map_or_else(
            || Subscriptions::ended().subscribe_all(),
            |hub| hub.subscriptions.subscribe_all(),
        )
    }

    fn hub<E: Event>(&self) -> Result<Arc<EventHub>, PublishError> {
        self.0.upgrade().ok_or(PublishError::ShutDown { event: E::NAME })
    }
}

impl EventHub {
    pub(crate) fn new(
        dispatcher: Dispatcher,
        payload_limit: usize,
        stream_capacity: usize,
        starts_by_itself: bool,
    ) -> Self {
        let subscriptions = Subscriptions::new(stream_capacity);
        Self { dispatcher, payload_limit, starts_by_itself, waits: Once::new(), subscriptions }
    }

    pub(crate) fn end_streams(&self) {
        self.subscriptions.end();
        self.dispatcher.engine.failures.end();
    }

    /// Work that is under way may publish during a shutdown; nobody else may.
    fn admit<E: Event>(&self, ctx: &Context) -> Result<InFlight, PublishError> {
        let lifecycle = &self.dispatcher.engine.lifecycle;
        let admitted = lifecycle.admit(ctx.is_inside(lifecycle));
        let admitted = admitted.ok_or(PublishError::ShutDown { event: E::NAME });
        admitted.inspect_err(|error| refused::<E>(ctx, error))
    }

    async fn publish<E: Event>(
        &self,
        ctx: &Context,
        event: E,
        wait: bool,
    ) -> Result<(Uuid, Receivers), PublishError> {
        let _in_flight = self.admit::<E>(ctx)?;
        self.check_size(&event).inspect_err(|error| refused::<E>(ctx, error))?;
        self.accept(ctx, event, wait).await
    }

    /// Hands a checked event on, in a context of its own.
    async fn accept<E: Event>(
        &self,
        ctx: &Context,
        event: E,
        wait: bool,
    ) -> Result<(Uuid, Receivers), PublishError> {
        let mut context = ctx.for_event();
        let publishing = Publishing::begin(E::NAME, &mut context);
        let event = AnyEvent::new(context, event);
        let result = self.dispatch::<E>(ctx, &event, wait).await;
        publishing.end(result.as_ref().err().map(PublishError::error_type));
        Ok((event.id(), result?))
    }

    fn check_size<E: Event>(&self, event: &E) -> Result<(), PublishError> {
        let size = event.json_size().map_err(|error| {
            if error.is_io() {
                PublishError::TooDeep { event: E::NAME, limit: MAX_PAYLOAD_DEPTH }
            } else {
                PublishError::Unserializable { event: E::NAME, error }
            }
        })?;
        if size > self.payload_limit {
            let limit = self.payload_limit;
            return Err(PublishError::TooLarge { event: E::NAME, size, limit });
        }
        Ok(())
    }

    async fn dispatch<E: Event>(
        &self,
        ctx: &Context,
        event: &AnyEvent,
        wait: bool,
    ) -> Result<Receivers, PublishError> {
        let refused = |refused| match refused {
            Refused::ShutDown => PublishError::ShutDown { event: E::NAME },
            Refused::NoRuntime => PublishError::NoRuntime { event: E::NAME },
        };
        let dispatcher = &self.dispatcher;
        if !dispatcher.is_started() {
            if self.starts_by_itself {
                dispatcher.start().map_err(refused)?;
            } else {
                self.waits.call_once(|| {
                    tracing::info!("events are kept; their handlers run after `App::start`");
                });
            }
        }
        let unbounded = ctx.is_inside_any_delivery();
        let accepted = || {
            self.subscriptions.show::<E>(event);
            if let Some(probe) = &dispatcher.engine.probe {
                probe.published(event);
            }
        };
        let receivers = dispatcher.dispatch::<E>(event, unbounded, wait, accepted);
        receivers.await.map_err(refused)
    }
}

/// Where the outcomes of those who wait arrive, by handler.
type Receivers = Vec<(Arc<str>, oneshot::Receiver<HandlerOutcome>)>;

/// Makes a refusal visible to operators.
#[cold]
fn refused<E: Event>(ctx: &Context, error: &PublishError) {
    Publishing::begin(E::NAME, &mut ctx.for_event()).end(Some(error.error_type()));
}
