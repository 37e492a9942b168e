//! What a process publishes goes to the log.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Engine, NotAppended, TRY_AGAIN, mover};
use crate::context::Context;
use crate::handler::{AttemptError, Rejection};
use crate::lane::{Deferred, Verdict};
use crate::log::{Entry, ScheduledEvent, Staged, StoreError};
use crate::message::AnyEvent;

/// How long the store is tried for an event, if the context of the publish has no deadline.
const PUBLISH_FOR: Duration = Duration::from_secs(30);

/// How often it is looked whether this node still works on a shard.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

impl Engine {
    /// Appends `events`, all or none. They are durable when it returns.
    ///
    /// If the future is dropped, they may be appended or not.
    pub(crate) async fn publish(
        &self,
        ctx: &Context,
        events: Vec<AnyEvent>,
    ) -> Result<(), NotAppended> {
        let encoded: Result<Vec<_>, _> =
            events.iter().map(|event| self.shared.codec.encode(event)).collect();
        let encoded = encoded.map_err(NotAppended::Unserializable)?;
        let entry = Entry { events: encoded, ..Entry::default() };
        self.append(ctx, entry, events).await
    }

    /// Schedules `event`. The store has it when it returns.
    ///
    /// If the future is dropped, it may be scheduled or not.
    pub(crate) async fn publish_at(
        &self,
        ctx: &Context,
        due: Timestamp,
        event: &AnyEvent,
    ) -> Result<(), NotAppended> {
        let event = self.shared.codec.encode(event).map_err(NotAppended::Unserializable)?;
        let scheduled = vec![ScheduledEvent { due, event }];
        self.append(ctx, Entry { scheduled, ..Entry::default() }, Vec::new()).await
    }

    /// Cancels a scheduled event. Returns whether it was still scheduled.
    pub(crate) async fn cancel(&self, id: Uuid) -> Result<bool, StoreError> {
        self.shared.store.cancel(id).await
    }

    /// An event was scheduled in a transaction that has committed.
    pub(crate) fn note_scheduled(&self) {
        self.shared.scheduled.notify_one();
    }

    /// The application's clock was moved: moves what is due now into the log.
    pub(crate) async fn note_time(&self) -> Result<(), StoreError> {
        let is_due = |next: Option<Duration>| next.is_some_and(|next| next.is_zero());
        while is_due(mover::move_due(&self.shared).await?) {}
        self.shared.scheduled.notify_one();
        Ok(())
    }

    async fn append(
        &self,
        ctx: &Context,
        entry: Entry,
        events: Vec<AnyEvent>,
    ) -> Result<(), NotAppended> {
        let deadline = Self::deadline(ctx);
        self.subscribe_before(deadline).await?;
        self.shared.appender().append(entry, events, deadline).await.map(drop)
    }

    /// Until when the store is tried for an event.
    fn deadline(ctx: &Context) -> Instant {
        ctx.deadline().unwrap_or_else(|| Instant::now() + PUBLISH_FOR)
    }

    /// Returns when this node does not work on the shard of `event`, and has told its waiter so: what becomes of the
    /// event is not known here. Cancel safe.
    pub(crate) async fn elsewhere(&self, event: &AnyEvent) {
        let shard = self.shared.codec.shard_of(event);
        let is_here = || self.subscribers.iter().any(|(it, _)| it.works_on(shard));
        let lifecycle = &self.shared.lifecycle;
        while !lifecycle.is_stopped() && (!self.started.initialized() || is_here()) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let why = "another node handles it, or this application after its next start";
        let error = AttemptError::Rejected(Rejection::unavailable(why));
        let verdict = Verdict::Dead { attempts: 0, error: &error, blocks: false };
        let subscribers = self.subscribers.iter().filter(|(it, _)| it.wants(event.event_type()));
        for (subscriber, _) in subscribers {
            (self.shared.settled)(&subscriber.lane.name, event, verdict);
        }
    }

    /// The event for a transaction of the store's database.
    pub(crate) fn stage(&self, event: &AnyEvent) -> serde_json::Result<Staged> {
        let store = Arc::clone(&self.shared.store);
        Ok(Staged { store, event: self.shared.codec.encode(event)? })
    }

    /// Appends an event that was deferred by a handler in memory; nothing waits for it. Such a handler runs only after
    /// an event was appended, so each handler has its subscription.
    pub(crate) fn publish_now(&self, deferred: Deferred) {
        let in_flight = self.shared.lifecycle.enter();
        let (name, to) = (deferred.event.name(), Arc::clone(&deferred.to));
        let deadline = Self::deadline(deferred.event.context());
        let encoded = self.shared.codec.entry([deferred]).map_err(NotAppended::Unserializable);
        let appended = encoded.map(|(entry, events)| {
            self.shared.appender().append_now(entry, events, deadline, Some(to))
        });
        tokio::spawn(async move {
            let result = match appended {
                Ok(appended) => appended.await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::error!(event = name, %error, "an event that a handler published was not accepted");
            }
            drop(in_flight);
        });
    }

    /// As [`subscribe`](Self::subscribe), again and again until the deadline if the store is not available.
    async fn subscribe_before(&self, deadline: Instant) -> Result<(), NotAppended> {
        loop {
            match self.subscribe().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_temporary() => {
                    return Err(NotAppended::Refused(Arc::new(error)));
                }
                Err(error) if Instant::now() >= deadline => {
                    return Err(NotAppended::Unavailable(Arc::new(error)));
                }
                Err(_) => tokio::time::sleep_until(deadline.min(Instant::now() + TRY_AGAIN)).await,
            }
        }
    }
}
