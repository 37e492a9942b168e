//! Handlers that note what they have handled, without transactions.

use std::time::Duration;

use cqrs_core::operations::DeliveryDied;
use cqrs_core::prelude::*;
use jiff::Timestamp;

use crate::database::Pool;
use crate::messages::{Advanced, By, Followed};
use crate::points::reach;

/// How often the handlers fail.
#[derive(Clone, Copy)]
pub(crate) struct Failures {
    pub(crate) are_on: bool,
}

impl Failures {
    /// Fails in some attempts.
    pub(crate) fn at_random(self) -> HandlerResult {
        if self.are_on && fastrand::u8(..100) < 5 {
            return Err(HandlerError::msg("an attempt that fails at random"));
        }
        Ok(())
    }

    /// Fails for each counter from time to time, for long enough to be parked.
    fn of_counter(self, counter: i64) -> HandlerResult {
        if self.are_on && (Timestamp::now().as_millisecond() / 1500 + counter) % 4 == 0 {
            return Err(HandlerError::msg("this counter fails for a while"));
        }
        Ok(())
    }
}

/// Longer attempts are more often in progress when the process is killed.
pub(crate) async fn work() {
    if fastrand::u8(..4) == 0 {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..5))).await;
    }
}

/// At least once.
#[events_handler(Advanced, name = "note")]
struct Note {
    pool: Pool,
}

impl EventHandler<Advanced> for Note {
    async fn handle(&self, event: &Advanced, _: &Context) -> HandlerResult {
        work().await;
        self.pool.note("note", event.counter, event.number, 0).await?;
        reach("after a plain handler's effect");
        Ok(())
    }
}

/// What it publishes is published once.
#[events_handler(Advanced, name = "follow", retry(attempts = 100, backoff = "5ms", max = "50ms"))]
struct Follow {
    events: EventBus,
    failures: Failures,
}

impl EventHandler<Advanced> for Follow {
    async fn handle(&self, event: &Advanced, ctx: &Context) -> HandlerResult {
        let Advanced { counter, number, .. } = *event;
        Followed { counter, number, by: By::Plain }.publish(&self.events, ctx).await?;
        work().await;
        self.failures.at_random()?;
        reach("after a plain handler's effect");
        Ok(())
    }
}

/// Fails often, for some events for good.
#[events_handler(Advanced, name = "flaky", retry(attempts = 100, backoff = "5ms", max = "200ms"))]
struct Flaky {
    pool: Pool,
    failures: Failures,
}

impl EventHandler<Advanced> for Flaky {
    async fn handle(&self, event: &Advanced, _: &Context) -> HandlerResult {
        if event.always_fails() {
            return Err(HandlerError::msg("an event that fails for good").permanent());
        }
        self.failures.of_counter(event.counter)?;
        self.failures.at_random()?;
        self.pool.note("flaky", event.counter, event.number, 0).await?;
        Ok(())
    }
}

/// Its dead letters block their counters, until the last process delivers them again.
#[events_handler(Advanced, name = "block", retry = none, dead_letters = "block")]
struct Block {
    pool: Pool,
    failures: Failures,
}

impl EventHandler<Advanced> for Block {
    async fn handle(&self, event: &Advanced, _: &Context) -> HandlerResult {
        self.failures.at_random()?;
        self.pool.note("block", event.counter, event.number, 0).await?;
        Ok(())
    }
}

/// Handles the deaths of those that fail for good.
#[events_handler(DeliveryDied, name = "deaths")]
struct Deaths {
    pool: Pool,
}

impl EventHandler<DeliveryDied> for Deaths {
    async fn handle(&self, died: &DeliveryDied, _: &Context) -> HandlerResult {
        if died.handler == "flaky"
            && let Some(event) = died.event::<Advanced>()
        {
            let Advanced { counter, number, .. } = event?;
            self.pool.note("deaths", counter, number, 0).await?;
        }
        reach("after a plain handler's effect");
        Ok(())
    }
}

/// The events that handlers have published are handled as any other.
#[events_handler(Followed, name = "note-followed")]
struct NoteFollowed {
    pool: Pool,
}

impl EventHandler<Followed> for NoteFollowed {
    async fn handle(&self, event: &Followed, _: &Context) -> HandlerResult {
        self.pool.note("note-followed", event.counter, event.number, event.by as i64).await?;
        Ok(())
    }
}
