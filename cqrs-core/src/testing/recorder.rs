//! Records what happens in an application.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::record::{DeliveryRecord, ExecutionRecord};
use crate::handler::DeliveryError;
use crate::message::AnyEvent;
use crate::message::MessageKind;
use crate::observe::{Attempted, Executed, Observer};
use crate::services::TypeRef;

/// The test kit's [`Observer`].
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) seed: Option<u64>,
    began: Mutex<Option<Instant>>,
    moments: Mutex<Vec<Moment>>,
}

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) at: Duration,
    pub(super) what: Happening,
}

#[derive(Debug, Clone)]
pub(super) enum Happening {
    Published(AnyEvent),
    Executed { kind: MessageKind, message: TypeRef, execution: ExecutionRecord },
    Attempted(AttemptRecord),
}

#[derive(Debug, Clone)]
pub(super) struct AttemptRecord {
    pub(super) handler: TypeRef,
    pub(super) handler_name: Arc<str>,
    pub(super) event: AnyEvent,
    pub(super) attempt: u32,
    pub(super) error: Option<DeliveryError>,
    pub(super) retry_in: Option<Duration>,
}

impl Recorder {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self { seed, began: Mutex::default(), moments: Mutex::default() }
    }

    pub(super) fn moments(&self) -> Vec<Moment> {
        self.lock().clone()
    }

    /// The deliveries to handlers that `is_wanted` accepts by type and name, in the order of their first
    /// attempts.
    pub(super) fn deliveries(
        &self,
        is_wanted: impl Fn(TypeRef, &str) -> bool,
    ) -> Vec<DeliveryRecord> {
        let mut deliveries: Vec<DeliveryRecord> = Vec::new();
        for moment in self.lock().iter() {
            let Happening::Attempted(attempt) = &moment.what else {
                continue;
            };
            if !is_wanted(attempt.handler, &attempt.handler_name) {
                continue;
            }
            let is_same = |delivery: &&mut DeliveryRecord| {
                delivery.event.id() == attempt.event.id()
                    && delivery.handler == attempt.handler_name
            };
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

    fn record(&self, what: Happening) {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let at = began.get_or_insert_with(Instant::now).elapsed();
        drop(began);
        self.lock().push(Moment { at, what });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn published(&self, event: &AnyEvent) {
        self.record(Happening::Published(event.clone()));
    }

    fn executed(&self, executed: Executed<'_>) {
        let Executed { kind, message, name, context, failure } = executed;
        let execution = ExecutionRecord { name, context: context.clone(), failure };
        self.record(Happening::Executed { kind, message, execution });
    }

    fn attempted(&self, attempted: Attempted<'_>) {
        self.record(Happening::Attempted(AttemptRecord {
            handler: attempted.handler,
            handler_name: attempted.handler_name.into(),
            event: attempted.event.clone(),
            attempt: attempted.attempt,
            error: attempted.error.cloned(),
            retry_in: attempted.retry_in,
        }));
    }
}
