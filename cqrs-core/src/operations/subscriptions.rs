//! Subscriptions: pausing, replaying, forgetting them, and pruning what they have passed.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{OperationError, Operations};
use crate::bus::UnknownHandler;
use crate::context::Context;
use crate::log::{Edit, ResetTo};
use crate::subscription::Engine;

/// How many events are pruned in one transaction.
const PRUNED_AT_ONCE: u32 = 1000;

impl Operations {
    /// Lets no further attempt of a handler begin, and says whether that is a change. With a store, it holds on all
    /// nodes, also after a restart; the other nodes learn of it within a third of a lease. In memory, it is the same as
    /// [`HandlerControl::pause`](crate::bus::HandlerControl::pause).
    ///
    /// # Errors
    ///
    /// [`OperationError`] when no handler has this name, or the store fails.
    pub async fn pause(&self, ctx: &Context, handler: &str) -> Result<bool, OperationError> {
        self.set_paused(ctx, handler, true).await
    }

    /// Lets attempts begin again, and says whether that is a change.
    ///
    /// # Errors
    ///
    /// As [`pause`](Self::pause).
    pub async fn resume(&self, ctx: &Context, handler: &str) -> Result<bool, OperationError> {
        self.set_paused(ctx, handler, false).await
    }

    /// Lets the handler of a subscription go on from another place in the log: for a replay, or to leave events out.
    /// What it has handled from there on is delivered again, also to a transactional handler; what is parked
    /// from there on is not parked any more. Its dead letters stay, except those from there on that
    /// [block their order key](super::FailedDelivery::blocks_key): they are delivered again.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when no subscription has this name, or the store fails.
    pub async fn reset(
        &self,
        ctx: &Context,
        handler: &str,
        to: ResetTo,
    ) -> Result<(), OperationError> {
        let engine = self.store("reset")?;
        if engine.edit(&Edit::Reset { handler, to }).await? == 0 {
            return Err(self.unknown(handler).await?);
        }
        self.record(ctx, "reset", handler, format!("the subscription to {to:?}")).await;
        Ok(())
    }

    /// Removes a subscription that no handler continues any more, with what it has parked and its dead letters.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when no subscription has this name, a handler of this build continues it, or the store fails.
    pub async fn forget(&self, ctx: &Context, handler: &str) -> Result<(), OperationError> {
        let engine = self.store("forget")?;
        if engine.handles(handler) {
            return Err(OperationError::StillHandled(handler.to_owned()));
        }
        if engine.edit(&Edit::Forget { handler }).await? == 0 {
            return Err(self.unknown(handler).await?);
        }
        self.record(ctx, "forgot", handler, "the subscription".to_owned()).await;
        Ok(())
    }

    /// Removes the events that are older than `keep` and that all subscriptions have passed, in small transactions.
    /// Events of parked deliveries stay, and the last event; dead letters have a copy of theirs. Returns how many
    /// were removed.
    ///
    /// # Errors
    ///
    /// [`OperationError`] when there is no store, or it fails; a part may have been removed then.
    pub async fn prune(&self, ctx: &Context, keep: Duration) -> Result<u64, OperationError> {
        let engine = self.store("prune")?;
        engine.save_all().await;
        let before = SignedDuration::try_from(keep).ok();
        let before = before.and_then(|keep| Timestamp::now().checked_sub(keep).ok());
        let before = before.ok_or(OperationError::WrongTime(keep))?;
        let mut all = 0;
        loop {
            let pruned = engine.edit(&Edit::Prune { before, limit: PRUNED_AT_ONCE }).await?;
            all += pruned;
            if pruned < u64::from(PRUNED_AT_ONCE) {
                break;
            }
        }
        self.record(ctx, "pruned", "", format!("{all} events from before {before}")).await;
        Ok(all)
    }

    async fn set_paused(
        &self,
        ctx: &Context,
        handler: &str,
        pause: bool,
    ) -> Result<bool, OperationError> {
        let control = self.0.dispatcher.control(handler);
        let is_durable = |engine: &&Arc<Engine>| control.is_err() || engine.handles(handler);
        let is_change = match self.engine().filter(is_durable) {
            Some(engine) => {
                let changed = engine.edit(&Edit::Pause { handler, pause }).await?;
                if changed == 0 && control.is_err() && !engine.has_subscription(handler).await? {
                    return Err(self.unknown(handler).await?);
                }
                changed > 0
            }
            None if pause => control?.pause(),
            None => control?.resume(),
        };
        if is_change {
            let operation = if pause { "paused" } else { "resumed" };
            self.record(ctx, operation, handler, "the attempts".to_owned()).await;
        }
        Ok(is_change)
    }

    async fn unknown(&self, handler: &str) -> Result<OperationError, OperationError> {
        let subscriptions = self.subscriptions().await?;
        let known = subscriptions.iter().map(|it| &*it.handler);
        Ok(UnknownHandler::new(handler, known).into())
    }
}
