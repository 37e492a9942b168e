//! How many deliveries a handler's queue takes from outside, and which publisher is next when it is full.

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
/// A publisher that waits has no permit. Its turn is only the right to take one: it takes its permits of
/// all queues together, once it has had its turn at each that was full.
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
    /// How many of the waiting publishers may have given up.
    gone: usize,
}

/// A publisher that waits for its turn.
pub(super) struct Turn<'a> {
    capacity: &'a Capacity,
    come: oneshot::Receiver<()>,
    has_come: bool,
}

impl Capacity {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Takes a permit for `tenant` if there is one and no other publisher waits for it; in any case if the
    /// publisher `had_turn`.
    pub(super) fn try_take(&self, tenant: u64, had_turn: bool) -> bool {
        let mut state = self.state();
        let is_free = state.waiting.is_empty() && state.taken < self.limit;
        let is_extra = || state.taken < self.limit.saturating_mul(2) && state.has_none(tenant);
        if !(had_turn || is_free || is_extra()) {
            return false;
        }
        state.taken += 1;
        *state.by_tenant.entry(tenant).or_default() += 1;
        true
    }

    /// Begins to wait for a turn.
    pub(super) fn wait(&self, tenant: u64) -> Turn<'_> {
        let (sender, come) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push_back(tenant, sender);
        state.give_turns(self.limit);
        Turn { capacity: self, come, has_come: false }
    }

    /// Gives a permit of `tenant` back.
    pub(super) fn give_back(&self, tenant: u64) {
        let mut state = self.state();
        state.taken -= 1;
        if let Some(taken) = state.by_tenant.get_mut(&tenant) {
            *taken -= 1;
            if *taken == 0 {
                state.by_tenant.remove(&tenant);
                // It may have an extra one now.
                if state.taken >= self.limit {
                    state.give_turn_to(tenant);
                }
            }
        }
        state.give_turns(self.limit);
    }

    /// How many publishers wait.
    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.waiting.len() - state.gone.min(state.waiting.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
