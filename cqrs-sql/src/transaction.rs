//! A short transaction of the store's own.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Executor, SqlSafeStr};
use tokio::sync::OwnedSemaphorePermit;

/// A short transaction of the store's own. If it does not end with a commit, its connection is closed. So no
/// connection with an open transaction goes back to the pool, also after a dropped future or a failure.
///
/// Not sqlx's own transaction: that counts its depth, and the count is wrong after SQLite has rolled back by itself,
/// such as when the disk is full. Its connection could then never begin a transaction again.
pub(crate) struct WriteTransaction<DB: Database> {
    connection: PoolConnection<DB>,
    is_clean: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<DB: Database> WriteTransaction<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    pub(crate) async fn begin(
        connection: PoolConnection<DB>,
        permit: Option<OwnedSemaphorePermit>,
        begin: impl SqlSafeStr,
    ) -> sqlx::Result<Self> {
        // Made before the first await, so that a dropped future closes the connection.
        let mut tx = Self { connection, is_clean: false, _permit: permit };
        sqlx::raw_sql(begin).execute(&mut *tx.connection).await?;
        Ok(tx)
    }

    /// Not cancel safe: if the future is dropped, the transaction may have taken effect.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("COMMIT").execute(&mut *self.connection).await?;
        self.is_clean = true;
        Ok(())
    }
}

impl<DB: Database> Deref for WriteTransaction<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for WriteTransaction<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: Database> Drop for WriteTransaction<DB> {
    fn drop(&mut self) {
        if !self.is_clean {
            self.connection.close_on_drop();
        }
    }
}
