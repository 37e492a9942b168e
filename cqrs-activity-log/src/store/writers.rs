//! The connections that write.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Database as Driver, Pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool of which only so many connections write at the same time, so that writers who wait in the
/// database never use up what readers of the same pool need.
#[derive(Debug)]
pub(crate) struct Writers<DB: Driver> {
    pool: Pool<DB>,
    seats: Arc<Semaphore>,
}

impl<DB: Driver> Clone for Writers<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), seats: Arc::clone(&self.seats) }
    }
}

impl<DB: Driver> Writers<DB> {
    pub(super) fn new(pool: Pool<DB>, seats: u32) -> Self {
        let seats = usize::try_from(seats).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { pool, seats: Arc::new(Semaphore::new(seats)) }
    }

    /// A connection, and the seat that it takes until it is back in the pool.
    pub(super) async fn acquire(&self) -> sqlx::Result<(PoolConnection<DB>, OwnedSemaphorePermit)> {
        let seat = Arc::clone(&self.seats).acquire_owned();
        let seat = tokio::time::timeout(self.pool.options().get_acquire_timeout(), seat)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        Ok((self.pool.acquire().await?, seat))
    }

    pub(super) async fn close(&self) {
        self.seats.close();
        self.pool.close().await;
    }
}
