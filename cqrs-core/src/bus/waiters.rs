//! Publishers that wait until handlers have settled their event.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
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
    waiting: Mutex<FxHashMap<Uuid, mpsc::UnboundedSender<HandlerOutcome>>>,
    /// How many there are, so that a delivery takes no lock when there is none.
    count: AtomicUsize,
}

/// Waits for what handlers make of one event, until it is dropped.
pub(super) struct Waiter {
    waiters: Arc<Waiters>,
    event: Uuid,
    settled: mpsc::UnboundedReceiver<HandlerOutcome>,
}

impl Waiters {
    /// Begins to wait for the outcomes of `event`, before it is handed to any handler.
    pub(super) fn wait(self: &Arc<Self>, event: Uuid) -> Waiter {
        let (sender, settled) = mpsc::unbounded_channel();
        self.count.fetch_add(1, SeqCst);
        self.waiting().insert(event, sender);
        Waiter { waiters: Arc::clone(self), event, settled }
    }

    pub(super) fn settle(&self, handler: &Arc<str>, event: &AnyEvent, verdict: Verdict<'_>) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let (attempts, result) = match verdict {
            Verdict::Done { attempts } => (attempts, Ok(())),
            Verdict::Dead { attempts, error } => (attempts, Err(error.clone())),
            Verdict::Retry { .. } => return,
            Verdict::Release => (0, Err(AttemptError::ShutDown)),
        };
        if let Some(waiter) = self.waiting().get(&event.id()) {
            // The waiter may be gone.
            let _ = waiter.send(HandlerOutcome { handler: Arc::clone(handler), attempts, result });
        }
    }

    fn waiting(&self) -> MutexGuard<'_, FxHashMap<Uuid, mpsc::UnboundedSender<HandlerOutcome>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The outcomes of so many handlers, by name. Cancel safe: the waiter can be dropped.
    pub(super) async fn outcomes(mut self, handlers: usize) -> Vec<HandlerOutcome> {
        let mut outcomes: Vec<HandlerOutcome> = Vec::with_capacity(handlers);
        while outcomes.len() < handlers
            && let Some(outcome) = self.settled.recv().await
        {
            // The first outcome counts, also if the event is delivered again.
            if outcomes.iter().all(|it| it.handler != outcome.handler) {
                outcomes.push(outcome);
            }
        }
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
