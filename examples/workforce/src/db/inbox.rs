//! The inbox: what makes a handler idempotent.

use std::time::Duration;

use cqrs_core::Context;

use super::{Db, DbError, Tx, now, params};

impl Db {
    /// Begins the transaction in which `handler` reacts to the event that `ctx` belongs to; `None` when
    /// it has done so already. That it has is written in the same transaction as its effect.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub async fn once(&self, ctx: &Context, handler: &'static str) -> Result<Option<Tx>, DbError> {
        let mut tx = self.begin().await?;
        let is_new = tx
            .execute(
                "INSERT INTO inbox (tenant, handler, message_id, handled_at) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO NOTHING",
                params![ctx.tenant(), handler, ctx.message_id(), now()],
            )
            .await?;
        Ok((is_new == 1).then_some(tx))
    }

    /// Whether `handler` has reacted to the event that `ctx` belongs to; for effects outside of the
    /// database, which are done first and noted with [`once`](Self::once) afterwards.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub async fn is_handled(&self, ctx: &Context, handler: &'static str) -> Result<bool, DbError> {
        let row = self
            .row(
                "SELECT handled_at FROM inbox WHERE tenant = ? AND handler = ? AND message_id = ?",
                params![ctx.tenant(), handler, ctx.message_id()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Forgets what was handled longer ago than an event can be delivered again. Across tenants.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows).
    pub(crate) async fn forget_handled(&self, age: Duration) -> Result<(), DbError> {
        let before = now() - age;
        self.execute("DELETE FROM inbox WHERE handled_at < ?", params![before]).await?;
        Ok(())
    }
}
