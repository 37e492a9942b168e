//! What operators look at and change.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Engine, checkpoints, leases};
use crate::log::{Edit, Store, StoreError, SubscriptionProgress};
#[cfg(feature = "metrics")]
use crate::observe;

/// How long the store may take to say how far the subscriptions have come, before it counts as unreachable.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

impl Engine {
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// How far the subscriptions have come, without what this node has not saved yet. Fails soon if the store does not
    /// answer.
    pub(crate) async fn progress(&self) -> Result<Vec<SubscriptionProgress>, StoreError> {
        let answer = tokio::time::timeout(ANSWERS_WITHIN, self.shared.store.subscriptions()).await;
        answer.unwrap_or_else(|_| {
            let why = format!("it did not answer within {ANSWERS_WITHIN:?}");
            Err(StoreError::Unavailable(why.into()))
        })
    }

    /// Sets the gauges of the subscriptions of this build's handlers.
    #[cfg(feature = "metrics")]
    pub(crate) async fn sample(&self) {
        if self.subscribers.is_empty() || !self.started.initialized() {
            return;
        }
        observe::set_checkpoint_age(self.shared.saved_at().elapsed());
        match self.progress().await {
            Ok(progress) => {
                for SubscriptionProgress { subscription, lag, parked, .. } in progress {
                    let mut subscribers = self.subscribers.iter().map(|(it, _)| it);
                    if let Some(subscriber) = subscribers.find(|it| it.name() == subscription.name)
                    {
                        observe::set_subscription(&subscriber.lane.name, lag, parked);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "the lag of the handlers cannot be sampled"),
        }
    }

    /// On how many shards this node works, and how many there are.
    pub(crate) fn shards(&self) -> (usize, u16) {
        let first = self.subscribers.first().filter(|_| self.shared.leases.are_valid());
        let working = first.map_or(0, |(it, _)| it.working_leases().len());
        (working, self.shared.store.profile().shards)
    }

    /// Whether a handler of this build continues the subscription with this name.
    pub(crate) fn handles(&self, name: &str) -> bool {
        self.subscribers.iter().any(|(it, _)| it.name() == name)
    }

    pub(crate) async fn has_subscription(&self, name: &str) -> Result<bool, StoreError> {
        let all = self.shared.store.subscriptions().await?;
        Ok(all.iter().any(|it| it.subscription.name == name))
    }

    /// Saves what this node has settled, so that the store shows it.
    pub(crate) async fn save_all(&self) {
        let subscribers = self.all_subscribers();
        for subscriber in &subscribers {
            subscriber.pass();
        }
        let slices: Vec<_> = subscribers.iter().flat_map(|it| it.slices()).collect();
        checkpoints::save_twice(&self.shared, &subscribers, &slices).await;
    }

    /// Changes what an operator has asked for. A shard that this node has and that the change takes away is given
    /// back before, when its running attempts have ended, so that they are not repeated.
    pub(crate) async fn edit(&self, edit: &Edit<'_>) -> Result<u64, StoreError> {
        let subscribers = self.all_subscribers();
        let slices = subscribers.iter().flat_map(|it| it.slices());
        let taken = slices.filter(|slice| match edit {
            Edit::Redeliver { delivery, .. } | Edit::Discard(delivery) => {
                slice.has_parked(*delivery)
            }
            Edit::Reset { .. } | Edit::Forget { .. } => true,
            Edit::Pause { .. } | Edit::Prune { .. } => false,
        });
        let taken: HashSet<_> = taken.map(|slice| slice.lease).collect();
        let mut handing_over = JoinSet::new();
        for lease in &taken {
            let shared = Arc::clone(&self.shared);
            handing_over.spawn(leases::hand_over(shared, subscribers.clone(), *lease));
        }
        handing_over.join_all().await;
        let changed = self.shared.store.edit(edit).await;
        // At once, and not with the next beat.
        let is_news = !taken.is_empty() || matches!(edit, Edit::Pause { .. });
        if is_news && let Err(error) = leases::beat(&self.shared, &subscribers).await {
            tracing::warn!(%error, "this node learns later of what an operator has changed");
        }
        changed
    }
}
