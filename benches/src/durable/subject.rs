//! An application with a durable log, and a handler that counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cqrs_core::log::{EventLog as _, LogEvent, Position};
use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions};
use cqrs_sql::SqlStore;
use tokio::sync::Notify;

use crate::Result;
use crate::database::Database;
use crate::sample::{OrderPlaced, context};

/// How many events the handlers have handled.
#[derive(Default)]
pub(crate) struct Handled {
    count: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
}

impl Handled {
    pub(crate) fn add(&self, count: u64) {
        let now = self.count.fetch_add(count, Ordering::SeqCst) + count;
        if now >= self.awaited.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    /// Waits until so many have been handled since the beginning.
    pub(crate) async fn wait_for(&self, count: u64) {
        self.awaited.store(count, Ordering::SeqCst);
        while self.count.load(Ordering::SeqCst) < count {
            self.reached.notified().await;
        }
    }
}

/// A handler that counts.
pub(crate) fn counting(
    name: String,
    handled: &Arc<Handled>,
    options: HandlerOptions,
) -> cqrs_core::registry::HandlerRegistration {
    let handled = Arc::clone(handled);
    let handler = Handler::event_fn(name, move |event: Published<OrderPlaced>, _| {
        std::hint::black_box(event.note.len());
        handled.add(1);
        async { Ok(()) }
    });
    handler.options(options)
}

/// A started application with one handler that counts.
pub(crate) async fn start(database: &Database) -> Result<(App, Arc<Handled>)> {
    let handled = Arc::default();
    let handler = counting("count".to_owned(), &handled, HandlerOptions::DEFAULT);
    let app = App::builder().bare().store(database.store().await?).register(handler).build()?;
    app.start().await?;
    Ok((app, handled))
}

pub(crate) async fn stop(app: App) {
    let report = app.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report}");
}

/// Fills the log, before a handler with a `start` at the beginning is started.
pub(crate) async fn fill(store: &SqlStore, events: usize, tenants: usize) -> Result {
    let app = App::builder().bare().store(store.clone()).build()?;
    for first in (0..events).step_by(500) {
        let orders = first..events.min(first + 500);
        let orders = orders.map(|order| OrderPlaced::new(u32::try_from(order % 5000).unwrap_or(0)));
        app.events().publish_all(&context(first / 500 % tenants), orders).await?;
    }
    stop(app).await;
    Ok(())
}

/// An event as the log has it.
pub(crate) async fn row(database: &Database) -> Result<LogEvent> {
    let store = database.store().await?;
    fill(&store, 1, 1).await?;
    let row = store.read(Position::START, 1).await?.remove(0);
    store.close().await;
    Ok(row.event)
}
