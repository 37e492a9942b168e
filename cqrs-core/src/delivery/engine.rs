//! What all lanes of an application share.

use std::sync::Arc;

use tokio::sync::Notify;

use super::failures::Failures;
use super::{DeadLetters, Interleaving};
use crate::middleware::Middlewares;
use crate::observe::Observer;
use crate::runtime::Lifecycle;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) failures: Failures,
    pub(crate) middlewares: Middlewares,
    /// A worker has left: with its runtime, or at the end.
    pub(crate) worker_left: Notify,
    /// Something was kept for workers that have not been started.
    pub(crate) kept: Notify,
    /// Tests only: another order of handlers and steps for each seed.
    pub(crate) interleaving: Option<Interleaving>,
    /// Tests only: every delivery is made a second time.
    pub(crate) deliver_twice: bool,
    /// Tests only: who looks on.
    pub(crate) probe: Option<Arc<dyn Observer>>,
}
