//! Publishers that wait until handlers have settled their event.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::handler::{AttemptError, DeliveryError};
use crate::lane::Verdict;
use crate::message::AnyEvent;

/// What one handler made of one event, for the caller of `publish_and_wait`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerOutcome {
    /// The handler's stable name.
    pub handler: Arc<str>,
    /// How many attempts were made.
    pub attempts: u32,
    /// `Ok`, or why the last attempt failed.
    pub result: Result<(), DeliveryError>,
}

impl HandlerOutcome {
    /// Whether the handler handled the event.
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }
}

/// Those that wait, by the event's id.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Mutex<FxHashMap<Uuid, Waiting>>,
    /// How many there are, so that a delivery takes no lock when there is none.
    count: AtomicUsize,
}

/// What is known of one event so far.
struct Waiting {
    handlers: usize,
    outcomes: Vec<HandlerOutcome>,
    all: oneshot::Sender<Vec<HandlerOutcome>>,
}

/// Waits for what handlers make of one event, until it is dropped.
pub(super) struct Waiter {
    waiters: Arc<Waiters>,
    event: Uuid,
    all: oneshot::Receiver<Vec<HandlerOutcome>>,
}

impl Waiters {
    /// Begins to wait until so many handlers have settled `event`, before it is handed to any of them.
    pub(super) fn wait(self: &Arc<Self>, event: Uuid, handlers: usize) -> Waiter {
        let (sender, all) = oneshot::channel();
        self.count.fetch_add(1, SeqCst);
        let outcomes = Vec::with_capacity(handlers);
        self.waiting().insert(event, Waiting { handlers, outcomes, all: sender });
        Waiter { waiters: Arc::clone(self), event, all }
    }

    pub(super) fn settle(&self, handler: &Arc<str>, event: &AnyEvent, verdict: Verdict<'_>) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let mut waiting = self.waiting();
        let Some(of_event) = waiting.get_mut(&event.id()) else { return };
        // The first outcome counts, also if the event is delivered again.
        if of_event.outcomes.iter().any(|outcome| outcome.handler == *handler) {
            return;
        }
        let (attempts, result) = match verdict {
            Verdict::Done { attempts } => (attempts, Ok(())),
            Verdict::Dead { attempts, error, .. } => (attempts, Err(error.clone())),
            Verdict::Retry { .. } => return,
            Verdict::Release => (0, Err(AttemptError::ShutDown)),
        };
        let outcome = HandlerOutcome { handler: Arc::clone(handler), attempts, result };
        of_event.outcomes.push(outcome);
        if of_event.outcomes.len() == of_event.handlers
            && let Some(Waiting { outcomes, all, .. }) = waiting.remove(&event.id())
        {
            // The waiter may be gone.
            let _ = all.send(outcomes);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, FxHashMap<Uuid, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The outcomes of all handlers, by name. Cancel safe: the waiter can be dropped.
    pub(super) async fn outcomes(mut self) -> Vec<HandlerOutcome> {
        let mut outcomes = (&mut self.all).await.unwrap_or_default();
        outcomes.sort_by(|a, b| a.handler.cmp(&b.handler));
        outcomes
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.waiting().remove(&self.event);
        self.waiters.count.fetch_sub(1, SeqCst);
    }
}
