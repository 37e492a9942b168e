//! Watching events while they are published.

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashMap;

use crate::message::{AnyEvent, Event, Published};
use crate::runtime::{Broadcast, Live};

/// The readers of events, by event type; `None` is every event.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Whether there ever was one: most applications have none.
    any: AtomicBool,
    /// `None` once the application has ended.
    channels: RwLock<Option<FxHashMap<Option<TypeId>, Broadcast<AnyEvent>>>>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self { any: AtomicBool::new(false), channels: RwLock::new(Some(FxHashMap::default())) }
    }
}

impl Subscriptions {
    pub(super) fn subscribe<E: Event>(&self) -> Live<Published<E>> {
        self.reader(Some(TypeId::of::<E>()), AnyEvent::downcast)
    }

    pub(super) fn subscribe_all(&self) -> Live<AnyEvent> {
        self.reader(None, Some)
    }

    pub(super) fn show(&self, event: &AnyEvent) {
        if !self.any.load(SeqCst) {
            return;
        }
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        let Some(channels) = &*channels else { return };
        for key in [Some(event.event_type()), None] {
            if let Some(channel) = channels.get(&key) {
                channel.send(|| event.clone());
            }
        }
    }

    pub(super) fn end(&self) {
        *self.channels.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn reader<T: Send + 'static>(
        &self,
        key: Option<TypeId>,
        read: fn(AnyEvent) -> Option<T>,
    ) -> Live<T> {
        self.any.store(true, SeqCst);
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let Some(channels) = &mut *channels else { return Live::ended() };
        channels.entry(key).or_default().subscribe(read)
    }
}
