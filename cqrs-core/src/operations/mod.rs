//! What operators look at and change in a running application.

mod deliveries;
mod error;
mod failed;
mod merge;
mod performed;
mod status;
mod subscriptions;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

pub use self::error::OperationError;
pub use self::failed::FailedDelivery;
pub use self::performed::OperationPerformed;
pub use self::status::SubscriptionStatus;
pub use crate::lane::DeliveryDied;
pub use crate::log::{DeliveryFilter, FailedState, LivingNode, Position, ResetTo};

use crate::bus::{Dispatcher, EventBus};
use crate::context::Context;
use crate::log::SubscriptionProgress;
use crate::subscription::{Codec, Engine};

/// What operators look at and change: failed deliveries, subscriptions, nodes. For operators, who see all tenants.
///
/// Each change names in its context who makes it, and is published as [`OperationPerformed`] for the activity log.
///
/// ```
/// use cqrs_core::operations::{DeliveryFilter, OperationError};
/// use cqrs_core::{Actor, App, Context};
///
/// # async fn example(app: App) -> Result<(), OperationError> {
/// let operator = Context::system().with_actor(Actor::user("ada"));
/// for failed in app.operations().failed(&DeliveryFilter::dead()).await? {
///     println!("{} of {}: {}", failed.event.name(), failed.event.context().tenant(), failed.error);
///     app.operations().redeliver(&operator, failed.id).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Operations(Arc<Inner>);

struct Inner {
    dispatcher: Arc<Dispatcher>,
    codec: Arc<Codec>,
    events: EventBus,
    /// When each subscription was looked at, and where it was then.
    seen: Mutex<FxHashMap<String, (Instant, Position)>>,
}

impl Operations {
    pub(crate) fn new(dispatcher: &Arc<Dispatcher>, codec: &Arc<Codec>, events: &EventBus) -> Self {
        let (dispatcher, codec, events) =
            (Arc::clone(dispatcher), Arc::clone(codec), events.clone());
        Self(Arc::new(Inner { dispatcher, codec, events, seen: Mutex::default() }))
    }

    /// The subscriptions of all handlers of the store, in the order of their names. Empty without a store.
    ///
    /// # Errors
    ///
    /// [`OperationError::Store`].
    pub async fn subscriptions(&self) -> Result<Vec<SubscriptionStatus>, OperationError> {
        let Some(engine) = self.engine() else { return Ok(Vec::new()) };
        engine.save_all().await;
        let now = Instant::now();
        let stored = engine.store().subscriptions().await?;
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let statuses = stored.into_iter().map(|stored| {
            let SubscriptionProgress { subscription, position, behind, lag, parked, dead } = stored;
            let handler = subscription.name;
            let before = seen.insert(handler.clone(), (now, position));
            let rate = before.map(|(then, before)| {
                let passed = position.0.saturating_sub(before.0);
                f64::from(u32::try_from(passed).unwrap_or(u32::MAX))
                    / (now - then).as_secs_f64().max(f64::MIN_POSITIVE)
            });
            let (is_handled, is_paused) = (engine.handles(&handler), subscription.is_paused);
            SubscriptionStatus {
                handler,
                is_handled,
                is_paused,
                position,
                behind,
                lag,
                rate,
                parked,
                dead,
            }
        });
        Ok(statuses.collect())
    }

    /// The processes that work on the store, with the shards of each. Empty without a store.
    ///
    /// # Errors
    ///
    /// [`OperationError::Store`].
    pub async fn nodes(&self) -> Result<Vec<LivingNode>, OperationError> {
        let Some(engine) = self.engine() else { return Ok(Vec::new()) };
        Ok(engine.store().nodes().await?)
    }

    /// The log, if there is a store.
    fn engine(&self) -> Option<&Arc<Engine>> {
        self.0.dispatcher.engine()
    }

    fn store(&self, operation: &'static str) -> Result<&Arc<Engine>, OperationError> {
        self.engine().ok_or(OperationError::NoStore(operation))
    }

    /// Makes what was done visible. It is done: an event that is not accepted changes nothing about that.
    async fn record(&self, ctx: &Context, operation: &str, handler: &str, detail: String) {
        let performed = OperationPerformed::new(operation, handler, detail);
        let actor = ctx.actor().map(ToString::to_string);
        tracing::info!(operation, handler, detail = performed.detail, actor, "an operator acted");
        if let Err(error) = self.0.events.publish_if_wanted(ctx, performed).await {
            tracing::error!(%error, operation, handler, "what an operator did is not in the activity log");
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}
