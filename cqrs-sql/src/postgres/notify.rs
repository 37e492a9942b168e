//! Nodes tell each other about news.
//!
//! `NOTIFY` makes commits wait for each other, so it has a transaction of its own, and is sent at most every 5 ms. It is a hint: everything works without it, because readers poll.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The time between two notifications of a process.
const PAUSE: Duration = Duration::from_millis(5);

/// How soon a lost connection is made again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// Tells other nodes about appends of this process, and wakes its readers after appends of others.
pub(super) struct Notifications {
    is_enabled: bool,
    channel: String,
    /// Who sent it, so that a process ignores its own.
    sender: Uuid,
    wanted: Arc<Notify>,
    /// Empty while this node is alone. Dropping it stops the tasks.
    tasks: Mutex<JoinSet<()>>,
}

impl Notifications {
    pub(super) fn new(is_enabled: bool, channel: String) -> Self {
        Self {
            is_enabled,
            channel,
            sender: Uuid::now_v7(),
            wanted: Arc::default(),
            tasks: Mutex::default(),
        }
    }

    /// Something was appended. Returns at once.
    pub(super) fn send(&self) {
        self.wanted.notify_one();
    }

    /// Begins, or stops, depending on whether other nodes live.
    pub(super) fn set_shared(&self, is_shared: bool, pool: &PgPool, news: &Arc<Notify>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_shared || !self.is_enabled {
            tasks.abort_all();
            tasks.detach_all();
        } else if tasks.is_empty() {
            let (channel, sender) = (self.channel.clone(), self.sender.to_string());
            tasks.spawn(listen(pool.clone(), channel, sender, Arc::clone(news)));
            let (channel, sender) = (self.channel.clone(), self.sender.to_string());
            tasks.spawn(notify(pool.clone(), channel, sender, Arc::clone(&self.wanted)));
        }
    }

    pub(super) fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

async fn notify(pool: PgPool, channel: String, sender: String, wanted: Arc<Notify>) {
    loop {
        wanted.notified().await;
        let query = sqlx::query("SELECT pg_notify($1, $2)").bind(&channel).bind(&sender);
        if let Err(error) = query.execute(&pool).await {
            tracing::debug!(%error, "other nodes could not be notified; they poll");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(pool: PgPool, channel: String, sender: String, news: Arc<Notify>) {
    // Not a connection of the pool, because it would be taken from the pool for ever.
    let options = (*pool.connect_options()).clone();
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    loop {
        if let Err(error) = listen_until_lost(&pool, &channel, &sender, &news).await {
            tracing::debug!(%error, "notifications of other nodes are not heard; the readers poll");
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn listen_until_lost(
    pool: &PgPool,
    channel: &str,
    sender: &str,
    news: &Notify,
) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    // For what was missed before.
    news.notify_waiters();
    while let Some(notification) = listener.try_recv().await? {
        if notification.payload() != sender {
            news.notify_waiters();
        }
    }
    Ok(())
}
