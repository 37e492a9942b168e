//! What operators look at and change, in memory.

use std::time::Duration;

use jiff::Timestamp;

use super::{MemoryStore, State, StoredLease, StoredSubscription};
use crate::handler::BoxFuture;

use crate::log::{
    DeadDelivery, DeliveryFilter, DeliveryId, Edit, FailedState, FailureFacts, LivingNode,
    LoggedEvent, Maintenance, Parked, Position, ResetTo, StoreError, StoredFailure, SubscriptionId,
    SubscriptionProgress,
};

impl Maintenance for MemoryStore {
    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<SubscriptionProgress>, StoreError>> {
        let state = self.state();
        let shards = self.profile.shards;
        let now = self.shared.clock.now();
        let progress =
            state.subscriptions().map(|(id, stored)| state.progress(id, stored, shards, now));
        let mut progress: Vec<_> = progress.collect();
        progress.sort_by(|a, b| a.subscription.name.cmp(&b.subscription.name));
        Box::pin(async move { Ok(progress) })
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Vec<LivingNode>, StoreError>> {
        let state = self.state();
        let nodes = state.living().map(|(id, about)| {
            let shards = state.leases.iter().filter(|(_, lease)| lease.node == Some(id));
            let shards = shards.map(|(shard, _)| *shard).collect();
            LivingNode { id, about: about.to_owned(), shards }
        });
        let nodes = nodes.collect();
        Box::pin(async move { Ok(nodes) })
    }

    fn failed<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        let state = self.state();
        let failed = state.subscriptions().flat_map(|(id, stored)| state.failed(id, stored));
        let mut failed: Vec<_> = failed.filter(|it| is_in(it, filter)).collect();
        failed.sort_by_key(StoredFailure::id);
        failed.truncate(filter.limit);
        Box::pin(async move { Ok(failed) })
    }

    fn edit<'a>(&'a self, edit: &'a Edit<'a>) -> BoxFuture<'a, Result<u64, StoreError>> {
        let mut state = self.state();
        let changed = state.edit(edit, self.shared.clock.now());
        drop(state);
        self.shared.news.notify_waiters();
        Box::pin(async move { Ok(changed) })
    }
}

impl State {
    fn find(&mut self, handler: &str) -> Option<&mut StoredSubscription> {
        self.subscriptions.iter_mut().find(|it| !it.is_forgotten && it.name == handler)
    }

    fn progress(
        &self,
        id: SubscriptionId,
        stored: &StoredSubscription,
        shards: u16,
        now: Timestamp,
    ) -> SubscriptionProgress {
        let position = stored.lowest(shards);
        let next = self.log.iter().find(|event| event.position > position);
        let lag = next.map(|next| now.duration_since(next.at));
        let blocking = stored.parked.values().filter(|parked| parked.died_at.is_some()).count();
        SubscriptionProgress {
            subscription: stored.subscription(id),
            position,
            behind: self.end().0.saturating_sub(position.0),
            lag: lag.and_then(|lag| Duration::try_from(lag).ok()).unwrap_or_default(),
            parked: (stored.parked.len() - blocking) as u64,
            dead: (stored.dead.len() + blocking) as u64,
        }
    }

    fn failed(&self, id: SubscriptionId, stored: &StoredSubscription) -> Vec<StoredFailure> {
        let parked = stored.parked.values().filter_map(|parked| {
            let event = self.log.iter().find(|event| event.position == parked.position)?;
            Some(StoredFailure {
                subscription: stored.subscription(id),
                event: event.clone(),
                attempts: parked.attempts,
                error: parked.error.clone().unwrap_or_default(),
                since: parked.died_at.unwrap_or(event.at),
                state: match parked.died_at {
                    Some(_) => FailedState::Dead,
                    None => FailedState::Parked { due: parked.due },
                },
                blocks_key: parked.died_at.is_some(),
            })
        });
        let dead = stored.dead.values().map(|(since, dead)| StoredFailure {
            subscription: stored.subscription(id),
            event: dead.event.clone(),
            attempts: dead.attempts,
            error: dead.error.clone(),
            since: *since,
            state: FailedState::Dead,
            blocks_key: false,
        });
        parked.chain(dead).collect()
    }

    fn edit(&mut self, edit: &Edit<'_>, now: Timestamp) -> u64 {
        match edit {
            Edit::Pause { handler, pause } => {
                let stored = self.find(handler).filter(|stored| stored.is_paused != *pause);
                stored.map(|stored| stored.is_paused = *pause).iter().count() as u64
            }
            Edit::Redeliver { delivery, payload } => {
                if let Some(parked) = self.parked_mut(*delivery) {
                    parked.due = Some(now);
                    if parked.died_at.take().is_some() {
                        parked.attempts = 0;
                    }
                    self.take_away(*delivery);
                    return 1;
                }
                let Some(dead) = self.remove_dead(*delivery) else { return 0 };
                let mut event = dead.event.event;
                if let Some((version, payload)) = payload {
                    event.version = *version;
                    (*payload).clone_into(&mut event.payload);
                }
                self.append(now, event);
                if let Some(last) = self.log.last_mut() {
                    last.only_for = Some(delivery.subscription);
                }
                1
            }
            Edit::Discard(delivery) => {
                if self.parked_mut(*delivery).is_some() {
                    self.take_away(*delivery);
                    let stored = &mut self.subscriptions[delivery.subscription.0 as usize];
                    stored.parked.remove(&delivery.position);
                    return 1;
                }
                self.remove_dead(*delivery).iter().count() as u64
            }
            Edit::Reset { handler, to } => {
                let start = self.position_of(*to);
                let Some(stored) = self.find(handler) else { return 0 };
                stored.start = start;
                stored.checkpoints.clear();
                stored.ahead.clear();
                stored.parked.retain(|position, _| *position <= start);
                stored.done.retain(|position| *position <= start);
                self.take_all_away();
                1
            }
            Edit::Forget { handler } => {
                let Some(stored) = self.find(handler) else { return 0 };
                *stored = StoredSubscription { is_forgotten: true, ..Default::default() };
                self.take_all_away();
                1
            }
            Edit::Prune { before, limit } => self.prune(*before, *limit),
        }
    }

    fn position_of(&self, to: ResetTo) -> Position {
        match to {
            ResetTo::Beginning => Position::START,
            ResetTo::Time(time) => {
                let before = self.log.iter().rfind(|event| event.at < time);
                before.map_or(Position::START, |before| before.position)
            }
            ResetTo::After(position) => position.min(self.end()),
            ResetTo::End => self.end(),
        }
    }

    fn parked_mut(&mut self, delivery: DeliveryId) -> Option<&mut Parked> {
        let stored = self.subscriptions.get_mut(delivery.subscription.0 as usize)?;
        stored.parked.get_mut(&delivery.position)
    }

    fn remove_dead(&mut self, delivery: DeliveryId) -> Option<DeadDelivery> {
        let stored = self.subscriptions.get_mut(delivery.subscription.0 as usize)?;
        stored.dead.remove(&delivery.position).map(|(_, dead)| dead)
    }

    /// The shard of a delivery gets a new owner.
    fn take_away(&mut self, delivery: DeliveryId) {
        let shard = self.shard_of(delivery.position);
        if let Some(lease) = shard.and_then(|shard| self.leases.get_mut(&shard)) {
            lease.take_away();
        }
    }

    fn take_all_away(&mut self) {
        self.leases.values_mut().for_each(StoredLease::take_away);
    }

    fn prune(&mut self, before: Timestamp, limit: u32) -> u64 {
        let shards = u16::try_from(self.leases.len()).unwrap_or(u16::MAX);
        let needed = self.subscriptions().map(|(_, stored)| {
            let parked =
                stored.parked.keys().next().map_or(Position(u64::MAX), |it| Position(it.0 - 1));
            parked.min(stored.lowest(shards))
        });
        let up_to =
            needed.min().unwrap_or(self.end()).min(Position(self.end().0.saturating_sub(1)));
        let is_old = |event: &&LoggedEvent| event.position <= up_to && event.at < before;
        let count = self.log.iter().take(limit as usize).take_while(is_old).count();
        self.log.drain(..count);
        count as u64
    }
}

impl StoredSubscription {
    /// The lowest checkpoint of all shards.
    fn lowest(&self, shards: u16) -> Position {
        let lowest = self.checkpoints.values().min().copied().unwrap_or(self.start);
        let has_all = self.checkpoints.len() >= usize::from(shards);
        if has_all { lowest } else { lowest.min(self.start) }
    }
}

fn is_in(failed: &StoredFailure, filter: &DeliveryFilter) -> bool {
    let StoredFailure { subscription, event: LoggedEvent { event, .. }, .. } = failed;
    let facts = FailureFacts {
        is_dead: failed.state == FailedState::Dead,
        handler: &subscription.name,
        event: &event.name,
        tenant: event.tenant.as_deref(),
        entity: event.entity.as_deref(),
        entity_id: event.entity_id.as_deref(),
        error: &failed.error,
        since: failed.since,
    };
    filter.after_delivery().is_none_or(|after| failed.id() > after) && filter.matches(&facts)
}
