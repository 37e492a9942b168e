//! Records what happens in an application.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::DeliveryRecord;
use crate::observe::{AttemptRecord, Happening, Observer};

/// The test kit's [`Observer`].
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) seed: Option<u64>,
    /// All that happened, and when.
    moments: Mutex<Vec<(Instant, Happening)>>,
}

impl Recorder {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self { seed, moments: Mutex::default() }
    }

    pub(super) fn moments(&self) -> MutexGuard<'_, Vec<(Instant, Happening)>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deliveries whose attempts `is_wanted` accepts, in the order of their first attempts.
    pub(super) fn deliveries(
        &self,
        is_wanted: impl Fn(&AttemptRecord) -> bool,
    ) -> Vec<DeliveryRecord> {
        let mut deliveries: Vec<DeliveryRecord> = Vec::new();
        for (_, what) in self.moments().iter() {
            let Happening::Attempted(attempt) = what else { continue };
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
        self.moments().push((Instant::now(), what));
    }
}
