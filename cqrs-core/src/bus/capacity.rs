//! How many deliveries a handler's queue takes from outside, and which publisher is next when it is full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::schedule::Fair;

/// The permits of one queue.
///
/// Tenants share `limit` permits. When those are taken, a tenant that has none may still take one, as
/// long as at most `limit` such extra permits are taken: so a tenant does not wait for what another one
/// has queued. Every other publisher waits for its turn. Turns go to tenants in rotation, and within a
/// tenant to the publisher that came first.
///
/// A publisher that waits has no permit anywhere. It takes its permits of all queues together; once it has
/// had its turn at a queue that was full, that queue does not make it wait again.
pub(super) struct Capacity {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// All permits that are taken.
    taken: usize,
    /// How many of them each tenant has; only tenants that have some.
    by_tenant: FxHashMap<u64, usize>,
    waiting: Fair<oneshot::Sender<()>>,
    /// Waiting tenants that had no permit when they were added: they go first.
    newcomers: VecDeque<u64>,
    /// How many of the waiting publishers have given up.
    gone: usize,
}

/// A publisher that waits for its turn. Dropping it gives the wait up.
pub(super) struct Turn<'a> {
    capacity: &'a Capacity,
    tenant: u64,
    /// `None` once the turn has come.
    come: Option<oneshot::Receiver<()>>,
}

impl Capacity {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Takes a permit for `tenant`, if there is one for which no other publisher waits; in any case if the
    /// publisher `had_turn`.
    #[inline]
    pub(super) fn try_take(&self, tenant: u64, had_turn: bool) -> bool {
        let mut state = self.state();
        let is_free = state.taken < self.limit && state.waiting.is_empty();
        let is_extra = || {
            state.taken < self.limit.saturating_mul(2)
                && state.newcomers.is_empty()
                && state.has_none(tenant)
        };
        let takes = had_turn || is_free || is_extra();
        if takes {
            state.take(tenant);
        }
        takes
    }

    /// Begins to wait for a turn, which comes with a permit.
    pub(super) fn wait(&self, tenant: u64) -> Turn<'_> {
        let (sender, come) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push_back(tenant, sender);
        state.note_newcomer(tenant);
        state.give_turns(self.limit);
        Turn { capacity: self, tenant, come: Some(come) }
    }

    /// Gives a permit of `tenant` back.
    pub(super) fn give_back(&self, tenant: u64) {
        let mut state = self.state();
        state.give_back(tenant);
        if !state.waiting.is_empty() {
            state.note_newcomer(tenant);
            state.give_turns(self.limit);
        }
    }

    /// How many publishers wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.iter().filter(|sender| !sender.is_closed()).count()
    }

    /// A publisher has given up. Those that have are removed once they are more than half.
    fn gave_up(&self) {
        let mut state = self.state();
        state.gone += 1;
        if state.gone > state.waiting.len() / 2 {
            state.waiting.retain(|sender| !sender.is_closed());
            state.gone = 0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_none(&self, tenant: u64) -> bool {
        !self.by_tenant.contains_key(&tenant)
    }

    fn take(&mut self, tenant: u64) {
        self.taken += 1;
        *self.by_tenant.entry(tenant).or_default() += 1;
    }

    fn give_back(&mut self, tenant: u64) {
        self.taken -= 1;
        if let Some(taken) = self.by_tenant.get_mut(&tenant) {
            *taken -= 1;
            if *taken == 0 {
                self.by_tenant.remove(&tenant);
            }
        }
    }

    fn note_newcomer(&mut self, tenant: u64) {
        if self.has_none(tenant) && self.waiting.has(tenant) {
            self.newcomers.push_back(tenant);
        }
    }

    /// Gives free permits to publishers that wait.
    fn give_turns(&mut self, limit: usize) {
        while let Some((tenant, sender)) = self.next(limit) {
            self.take(tenant);
            if sender.send(()).is_err() {
                // It has given up.
                self.gone = self.gone.saturating_sub(1);
                self.give_back(tenant);
                self.note_newcomer(tenant);
            }
        }
    }

    fn next(&mut self, limit: usize) -> Option<(u64, oneshot::Sender<()>)> {
        while self.taken < limit.saturating_mul(2) {
            let Some(tenant) = self.newcomers.pop_front() else { break };
            if self.has_none(tenant)
                && let Some(sender) = self.waiting.take_of(tenant)
            {
                return Some((tenant, sender));
            }
        }
        if self.taken < limit { self.waiting.take() } else { None }
    }
}

impl Turn<'_> {
    /// Waits until the turn comes. Cancel safe.
    pub(super) async fn come(mut self) {
        if let Some(come) = &mut self.come {
            // The other end is kept until it is used.
            let _ = come.await;
            self.come = None;
        }
    }

    /// Whether the turn has come.
    #[cfg(test)]
    pub(super) fn has_come(&mut self) -> bool {
        let has_come = self.come.as_mut().is_none_or(|come| come.try_recv().is_ok());
        if has_come {
            self.come = None;
        }
        has_come
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(come) = &mut self.come else { return };
        come.close();
        match come.try_recv() {
            Ok(()) => self.capacity.give_back(self.tenant),
            Err(_) => self.capacity.gave_up(),
        }
    }
}
