//! Group commit: one task appends what all publishers of this process want to append.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::codec::Codec;
use super::window::Window;
use crate::lane::Publishes;
use crate::log::{Entry, Position, Store, StoreError};
use crate::message::AnyEvent;

/// How many entries are appended in one transaction at most.
const MAX_ENTRIES: usize = 500;

/// How many bytes of payload are appended in one transaction, before the entry that reaches it.
const MAX_BYTES: usize = 1 << 20;

/// The first and the longest wait before the store is tried again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Appends entries, many in one transaction: while one is committed, the next ones gather.
pub(crate) struct Appender {
    queue: mpsc::UnboundedSender<Request>,
    /// Bounds what publishers have waiting.
    permits: Semaphore,
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAppended {
    /// The store was not available until the deadline.
    #[error("{0}")]
    Unavailable(Arc<StoreError>),
    /// The store refused it.
    #[error("the store refused: {0}")]
    Refused(Arc<StoreError>),
    /// An event has no JSON form.
    #[error("{0}")]
    Unserializable(serde_json::Error),
    /// The application has stopped.
    #[error("the application has stopped")]
    Stopped,
}

struct Request {
    entry: Entry,
    /// Its events that are appended now, for the window.
    events: Vec<AnyEvent>,
    /// Until when the store is tried.
    deadline: Instant,
    /// Hands what handlers have published to the handlers in memory, in the order of the log.
    to: Option<Arc<dyn Publishes>>,
    answer: oneshot::Sender<Result<Option<Position>, NotAppended>>,
}

impl Appender {
    /// Starts the task; it ends when the last of its users is gone.
    pub(super) fn start(
        store: Arc<dyn Store>,
        window: Arc<OnceLock<Window>>,
        scheduled: Arc<Notify>,
        capacity: usize,
    ) -> Self {
        let (queue, requests) = mpsc::unbounded_channel();
        tokio::spawn(Task { store, window, scheduled, requests }.run());
        Self { queue, permits: Semaphore::new(capacity.max(1)) }
    }

    /// Appends `entry`, whose events that are not scheduled are `events`: returns the position of the first, or `None` if its effect had
    /// happened before. If too much waits, waits for its turn.
    ///
    /// If the future is dropped, the entry may be appended or not.
    pub(crate) async fn append(
        &self,
        entry: Entry,
        events: Vec<AnyEvent>,
        deadline: Instant,
    ) -> Result<Option<Position>, NotAppended> {
        let permit = tokio::time::timeout_at(deadline, self.permits.acquire()).await;
        let too_many = || StoreError::Unavailable("too many events wait to be appended".into());
        let permit = permit.map_err(|_| NotAppended::Unavailable(Arc::new(too_many())))?;
        let _permit = permit.map_err(|_| NotAppended::Stopped)?;
        self.append_now(entry, events, deadline, None).await
    }

    /// As [`append`](Self::append), but never waits for a turn: for what handlers publish. The entry is queued by
    /// the call itself, not by the future that it returns.
    pub(crate) fn append_now(
        &self,
        entry: Entry,
        events: Vec<AnyEvent>,
        deadline: Instant,
        to: Option<Arc<dyn Publishes>>,
    ) -> impl Future<Output = Result<Option<Position>, NotAppended>> + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(Request { entry, events, deadline, to, answer });
        async move {
            sent.map_err(|_| NotAppended::Stopped)?;
            answered.await.unwrap_or(Err(NotAppended::Stopped))
        }
    }
}

struct Task {
    store: Arc<dyn Store>,
    window: Arc<OnceLock<Window>>,
    /// Notified when an event was scheduled.
    scheduled: Arc<Notify>,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Task {
    async fn run(mut self) {
        let (mut received, mut back_off) = (Vec::new(), BACK_OFF.0);
        // How many of the next requests are appended alone, so that one wrong entry refuses no other.
        let mut alone = 0_usize;
        while self.requests.recv_many(&mut received, MAX_ENTRIES).await > 0 {
            let mut rest = std::mem::take(&mut received);
            while !rest.is_empty() {
                let size = if alone > 0 { 1 } else { fitting(&rest) };
                alone = alone.saturating_sub(1);
                let later = rest.split_off(size);
                let mut batch = std::mem::replace(&mut rest, later);
                while let Some(error) = self.append(&mut batch).await {
                    if !error.is_temporary() {
                        if batch.len() == 1 {
                            refuse(batch, error);
                        } else {
                            alone = batch.len();
                            batch.append(&mut rest);
                            rest = batch;
                        }
                        break;
                    }
                    tracing::warn!(%error, waiting = batch.len(), "events cannot be appended; trying again");
                    let error = Arc::new(error);
                    give_up(&mut batch, &error);
                    tokio::time::sleep(back_off).await;
                    // The deadlines of those that come later may be earlier.
                    while let Ok(request) = self.requests.try_recv() {
                        rest.push(request);
                    }
                    give_up(&mut rest, &error);
                    back_off = (back_off * 2).min(BACK_OFF.1);
                    if batch.is_empty() {
                        break;
                    }
                }
                back_off = BACK_OFF.0;
            }
        }
    }

    /// Appends the batch and answers it. Gives the error if it was not appended.
    async fn append(&self, batch: &mut Vec<Request>) -> Option<StoreError> {
        // A publisher that has gone away does not want its event any more.
        batch.retain(|request| !request.answer.is_closed());
        let mut requests = std::mem::take(batch);
        if requests.is_empty() {
            return None;
        }
        let entries: Vec<Entry> =
            requests.iter_mut().map(|request| std::mem::take(&mut request.entry)).collect();
        let window = self.window.get();
        let _appending = match window {
            Some(window) => Some(window.appending.lock().await),
            None => None,
        };
        let positions = match self.store.append(&entries).await {
            Ok(positions) => positions,
            Err(error) => {
                for (request, entry) in requests.iter_mut().zip(entries) {
                    request.entry = entry;
                }
                *batch = requests;
                return Some(error);
            }
        };
        if entries.iter().any(|entry| !entry.scheduled.is_empty()) {
            self.scheduled.notify_one();
        }
        let mut own = Vec::new();
        for ((request, entry), position) in requests.into_iter().zip(&entries).zip(positions) {
            if let Some(first) = position {
                if let Some(to) = &request.to {
                    request.events.iter().for_each(|event| to.appended(event));
                }
                let events = entry.events.iter().zip(request.events).zip(first.0..);
                own.extend(events.map(|((logged, event), position)| {
                    Codec::own(Position(position), logged, event)
                }));
            }
            // The publisher may have gone away meanwhile.
            let _ = request.answer.send(Ok(position));
        }
        if let Some(window) = window {
            window.push_own(own);
        }
        None
    }
}

/// How many of the requests fit into one transaction, at least one.
fn fitting(requests: &[Request]) -> usize {
    let mut bytes = 0;
    let too_many = requests.iter().position(|request| {
        let full = bytes >= MAX_BYTES;
        let Entry { events, scheduled, .. } = &request.entry;
        let events = events.iter().chain(scheduled.iter().map(|scheduled| &scheduled.event));
        bytes += events.map(|event| event.payload.len()).sum::<usize>();
        full
    });
    too_many.unwrap_or(requests.len())
}

/// Answers what the store refuses.
fn refuse(batch: Vec<Request>, error: StoreError) {
    let error = Arc::new(error);
    for request in batch {
        let _ = request.answer.send(Err(NotAppended::Refused(Arc::clone(&error))));
    }
}

/// Answers the requests whose deadline has passed.
fn give_up(batch: &mut Vec<Request>, error: &Arc<StoreError>) {
    let now = Instant::now();
    for request in batch.extract_if(.., |request| request.deadline <= now) {
        let _ = request.answer.send(Err(NotAppended::Unavailable(Arc::clone(error))));
    }
}
