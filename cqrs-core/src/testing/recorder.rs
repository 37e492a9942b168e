//! Records what happens in an application.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::DeliveryRecord;
use crate::describe::Emission;
use crate::handler::AttemptError;
use crate::message::Command;
use crate::observe::{AttemptRecord, Happening, Observer};
use crate::services::TypeRef;

/// Copies the output of one type of command.
type CopyOutput = fn(&dyn Any) -> Option<Arc<dyn Any + Send + Sync>>;

/// The test kit's [`Observer`].
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) seed: Option<u64>,
    pub(super) denies_failures: bool,
    expects_failures: AtomicBool,
    last_call_failed: AtomicBool,
    /// By command.
    copies: FxHashMap<TypeId, CopyOutput>,
    moments: Mutex<Vec<Moment>>,
    emissions: Mutex<BTreeSet<Emission>>,
}

/// Something that happened, and when.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) what: Happening,
    /// Whether the test has asked for it.
    is_seen: bool,
}

impl Recorder {
    pub(super) fn moments(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn emissions(&self) -> MutexGuard<'_, BTreeSet<Emission>> {
        self.emissions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_outputs<C: Command<Output: Clone + Sync>>(&mut self) {
        let copy: CopyOutput = |output| Some(Arc::new(output.downcast_ref::<C::Output>()?.clone()));
        self.copies.insert(TypeId::of::<C>(), copy);
    }

    pub(super) fn keeps_outputs<C: 'static>(&self) -> bool {
        self.copies.contains_key(&TypeId::of::<C>())
    }

    /// Remembers whether the test's last call failed.
    pub(super) fn called<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        self.last_call_failed.store(result.is_err(), SeqCst);
        result
    }

    pub(super) fn last_call_failed(&self) -> bool {
        self.last_call_failed.load(SeqCst)
    }

    pub(super) fn expect_failures(&self) {
        self.expects_failures.store(true, SeqCst);
    }

    /// The test looks at the attempts that `is_wanted` accepts.
    pub(super) fn look_at(&self, is_wanted: impl Fn(&AttemptRecord) -> bool) {
        for moment in self.moments().iter_mut() {
            moment.is_seen |= matches!(&moment.what, Happening::Attempted(it) if is_wanted(it));
        }
    }

    /// A line for each failure that fails the test.
    pub(super) fn unexpected_failures(&self) -> Vec<String> {
        if !self.denies_failures || self.expects_failures.load(SeqCst) {
            return Vec::new();
        }
        let moments = self.moments();
        let failures = moments.iter().filter(|moment| !moment.is_seen).filter_map(|moment| {
            let Happening::Attempted(attempt) = &moment.what else { return None };
            let error = attempt.error.as_ref()?;
            let panicked = matches!(error, AttemptError::Panicked(_));
            (panicked || attempt.retry_in.is_none()).then(|| {
                let AttemptRecord { event, handler_name, .. } = attempt;
                format!("\n- {} to {handler_name}: {}", event.name(), event.redacted_text(error))
            })
        });
        failures.collect()
    }

    /// The deliveries whose attempts `is_wanted` accepts, in the order of their first attempts.
    pub(super) fn deliveries(
        &self,
        is_wanted: impl Fn(&AttemptRecord) -> bool,
    ) -> Vec<DeliveryRecord> {
        self.look_at(&is_wanted);
        let mut deliveries: Vec<DeliveryRecord> = Vec::new();
        for moment in self.moments().iter() {
            let Happening::Attempted(attempt) = &moment.what else { continue };
            if !is_wanted(attempt) {
                continue;
            }
            let (id, handler) = (attempt.event.id(), &attempt.handler_name);
            let is_same = |it: &&mut DeliveryRecord| it.event.id() == id && it.handler == *handler;
            let last = deliveries.iter_mut().rev().find(is_same);
            let repeated = last.is_some();
            let is_settled = attempt.retry_in.is_none();
            match last.filter(|delivery| !delivery.is_settled) {
                Some(delivery) => {
                    delivery.attempts.push(attempt.error.clone());
                    delivery.is_settled = is_settled;
                }
                None => deliveries.push(DeliveryRecord {
                    handler: Arc::clone(&attempt.handler_name),
                    event: attempt.event.clone(),
                    attempts: vec![attempt.error.clone()],
                    is_settled,
                    repeated,
                }),
            }
        }
        deliveries
    }
}

impl Observer for Recorder {
    fn observe(&self, what: Happening) {
        self.moments().push(Moment { at: Instant::now(), what, is_seen: false });
    }

    fn emitted(&self, handler: &str, message: &str) {
        self.emissions().insert(Emission::new(handler, message));
    }

    fn copy(&self, message: TypeRef, output: &dyn Any) -> Option<Arc<dyn Any + Send + Sync>> {
        self.copies.get(&message.id())?(output)
    }
}
