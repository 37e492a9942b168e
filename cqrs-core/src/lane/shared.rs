//! What all lanes and buses of an application share.

use std::any::TypeId;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Failure;
use super::chance::Chance;
use super::died::Deaths;
use crate::message::Validator;
use crate::middleware::Middlewares;
use crate::observe::Observer;
use crate::runtime::{Broadcast, Lifecycle};

pub(crate) struct Shared {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) failures: Broadcast<Failure>,
    pub(crate) middlewares: Middlewares,
    /// Of the messages that implement `Validate`.
    pub(crate) validators: FxHashMap<TypeId, Validator>,
    /// Decides what the guarantees leave open.
    pub(crate) chance: Option<Arc<dyn Chance>>,
    /// Makes the events of deliveries that have died.
    pub(crate) deaths: Deaths,
    /// Sees what happens.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}
