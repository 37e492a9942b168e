//! Records what happens in an application.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::DeliveryRecord;
use super::timeline::Timeline;
use crate::describe::Emission;
use crate::handler::AttemptError;
use crate::message::Command;
use crate::observe::{AttemptRecord, Happening, Observer};
use crate::services::TypeRef;

/// Copies the output, or the error, of one type of command.
type Copy = fn(&dyn Any) -> Option<Arc<dyn Any + Send + Sync>>;

/// The test kit's [`Observer`].
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) seed: Option<u64>,
    pub(super) allows_failures: bool,
    expects_failures: AtomicBool,
    last_call_failed: AtomicBool,
    /// By command.
    outputs: FxHashMap<TypeId, Copy>,
    /// By command.
    errors: FxHashMap<TypeId, Copy>,
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
        self.outputs.insert(TypeId::of::<C>(), copy::<C::Output>);
    }

    pub(super) fn keep_errors<C: Command<Error: Clone + Sync>>(&mut self) {
        self.errors.insert(TypeId::of::<C>(), copy::<C::Error>);
    }

    pub(super) fn keeps_outputs<C: 'static>(&self) -> bool {
        self.outputs.contains_key(&TypeId::of::<C>())
    }

    pub(super) fn keeps_errors<C: 'static>(&self) -> bool {
        self.errors.contains_key(&TypeId::of::<C>())
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

    /// # Panics
    ///
    /// If there are failures that the test did not look at.
    #[track_caller]
    pub(super) fn assert_expected(&self) {
        let unexpected = self.unexpected_failures();
        if !unexpected.is_empty() {
            eprintln!("{}", Timeline(self));
            panic!(
                "deliveries failed, and the test did not look at them:{}\n\
                 if it is meant, look at `dead_letters()` or `deliveries_to::<..>()`, or call `expect_failures()`",
                unexpected.concat()
            );
        }
    }

    /// A line for each failure that fails the test.
    fn unexpected_failures(&self) -> Vec<String> {
        if self.allows_failures || self.expects_failures.load(SeqCst) {
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

    fn copy(
        &self,
        message: TypeRef,
        returned: Result<&dyn Any, &dyn Any>,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        match returned {
            Ok(output) => self.outputs.get(&message.id())?(output),
            Err(error) => self.errors.get(&message.id())?(error),
        }
    }
}

fn copy<T: Clone + Send + Sync + 'static>(value: &dyn Any) -> Option<Arc<dyn Any + Send + Sync>> {
    Some(Arc::new(value.downcast_ref::<T>()?.clone()))
}
