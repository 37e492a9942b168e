//! The connections that write.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Database as Driver, Pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool with a limit of connections that write at the same time, so that writers that wait in the database
/// leave connections to readers of the same pool.
#[derive(Debug)]
pub(crate) struct Writers<DB: Driver> {
    pool: Pool<DB>,
    permits: Arc<Semaphore>,
}

impl<DB: Driver> Clone for Writers<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), permits: Arc::clone(&self.permits) }
    }
}

impl<DB: Driver> Writers<DB> {
    pub(super) fn new(pool: Pool<DB>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { pool, permits: Arc::new(Semaphore::new(limit)) }
    }

    /// A connection, and its permit, to be kept until the connection is back in the pool.
    pub(super) async fn acquire(&self) -> sqlx::Result<(PoolConnection<DB>, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(self.pool.options().get_acquire_timeout(), permit)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        Ok((self.pool.acquire().await?, permit))
    }

    pub(super) async fn close(&self) {
        self.permits.close();
        self.pool.close().await;
    }
}
