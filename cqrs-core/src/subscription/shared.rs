//! What all parts of the engine share.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::Settled;
use super::appender::Appender;
use super::codec::{Codec, Read};
use super::leases::Leases;
use super::window::Window;
use crate::context::{TenantId, TenantScope};
use crate::lane::Publishes;
use crate::log::{Position, Store, StoreError};
use crate::runtime::Lifecycle;

/// How many publishers may wait for their events to be appended, before the next ones wait for a turn.
const QUEUE: usize = 4096;

/// What all parts of the engine share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) codec: Arc<Codec>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) leases: Leases,
    /// Made at the start, because it begins where the subscriptions are.
    pub(super) window: Arc<OnceLock<Window>>,
    /// Started by the first event, since it needs a runtime.
    pub(super) appender: OnceLock<Appender>,
    pub(super) settled: Settled,
    /// Hands events to the handlers that get theirs from memory.
    pub(super) publisher: Weak<dyn Publishes>,
    /// Notified when an event was scheduled.
    pub(super) scheduled: Arc<Notify>,
    /// Held while progress is saved.
    pub(super) saving: Mutex<()>,
    /// When progress was saved, or there was none to save.
    pub(super) saved_at: std::sync::Mutex<Instant>,
}

impl Shared {
    pub(super) fn appender(&self) -> &Appender {
        self.appender.get_or_init(|| {
            let (store, window) = (Arc::clone(&self.store), Arc::clone(&self.window));
            Appender::start(store, window, Arc::clone(&self.scheduled), QUEUE)
        })
    }

    pub(super) fn saved_at(&self) -> MutexGuard<'_, Instant> {
        self.saved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Progress was saved, or there is none to save.
    pub(super) fn note_saved(&self) {
        *self.saved_at() = Instant::now();
    }

    /// Whether the lanes are fed: until a shutdown begins.
    pub(super) fn is_feeding(&self) -> bool {
        !self.lifecycle.draining.is_cancelled()
    }

    /// Waits for `event`, but not longer than the lanes are fed. Returns whether they still are.
    pub(super) async fn unless_stopped(&self, event: impl Future) -> bool {
        let event = pin!(event);
        tokio::select! {
            biased;
            () = self.lifecycle.draining.cancelled() => false,
            _ = event => true,
        }
    }

    /// The events after `after`, which is the window's end. The event there is read with them: if it is another one
    /// than before, the log has gone back, and others have appended since.
    pub(super) async fn read_on(
        &self,
        window: &Window,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Read>, StoreError> {
        if after == Position::START {
            return self.read(after, limit).await;
        }
        let before = Position(after.0 - 1);
        let mut page = match self.store.read(before, limit + 1).await {
            Err(StoreError::WentBack { end, .. }) => {
                return Err(StoreError::WentBack { end, seen: after });
            }
            page => page?,
        };
        let end = page.last().map_or(before, |it| it.position);
        match page.first() {
            Some(last) if last.position == after && window.is_of(after, last.event.id) => {
                page.remove(0);
            }
            // It has been pruned.
            Some(next) if next.position > after => {}
            _ => return Err(StoreError::WentBack { end, seen: after }),
        }
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }

    /// The events after `after` and up to `end`, decoded, without those of the tenants in `without`.
    pub(super) async fn read_others(
        &self,
        after: Position,
        end: Position,
        without: &[TenantScope],
        limit: usize,
    ) -> Result<Vec<Read>, StoreError> {
        let without = without.iter().map(|tenant| tenant.id().map_or("", TenantId::as_str));
        let without: Vec<_> = without.collect();
        let page = self.store.read_others(after, end, &without, limit).await?;
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }

    /// The events after `after`, decoded.
    pub(super) async fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Read>, StoreError> {
        let page = self.store.read(after, limit).await?;
        Ok(page.into_iter().map(|logged| self.codec.decode(logged)).collect())
    }
}
