//! Removing the beginning of a chain.

use super::row::AHEAD;
use super::sql::{Arg, Statement, present};
use super::{Database, Link};

/// How many entries are removed in one transaction.
const BATCH: i64 = 1000;

impl Database {
    /// The last entry that was recorded before `time`, if it is after the chain's base. Found by bisection,
    /// because the time of recording does not decrease along a chain. Only a wrong clock records a time after `now`; such
    /// entries are as old as those around them.
    pub(crate) async fn last_before(
        &self,
        tenant: &str,
        time: i64,
        now: i64,
    ) -> sqlx::Result<Option<Link>> {
        let chain = self.chain(tenant).await?;
        // Entries up to `low` were recorded before `time`, entries from `high` on were not.
        let low = chain.base.sequence.max(0);
        let (mut low, mut high) = (low, chain.head.sequence.saturating_add(1));
        let mut found = None;
        while low < high - 1 {
            let middle = low + (high - low) / 2;
            let sql = "SELECT sequence, hash, recorded_at FROM activity_entries \
                       WHERE tenant = ? AND sequence >= ? AND sequence < ? AND recorded_at <= ? \
                       ORDER BY sequence LIMIT 1";
            let until = now.saturating_add(AHEAD);
            let args = vec![tenant.into(), middle.into(), high.into(), until.into()];
            let entry = self.fetch(Statement::new(sql, args), |row| {
                Ok((Link::read(row)?, present(row.number(2)?)?))
            });
            match entry.await?.into_iter().next() {
                Some((link, recorded_at)) if recorded_at < time => {
                    low = link.sequence;
                    found = Some(link);
                }
                _ => high = middle,
            }
        }
        Ok(found)
    }

    /// Whether any entry up to `sequence` is not one of this action on this type that was recorded by hand.
    pub(crate) async fn has_others(
        &self,
        tenant: &str,
        sequence: i64,
        (action, entity_type): (&str, &str),
    ) -> sqlx::Result<bool> {
        let sql = "SELECT sequence FROM activity_entries WHERE tenant = ? AND sequence <= ? \
                   AND NOT (action = ? AND entity_type = ? AND event_name IS NULL) \
                   ORDER BY sequence LIMIT 1";
        let args = vec![tenant.into(), sequence.into(), action.into(), entity_type.into()];
        let others = self.fetch(Statement::new(sql, args), |_| Ok(())).await?;
        Ok(!others.is_empty())
    }

    /// Removes some of the entries up to `sequence`, and returns how many; 0, if none is left.
    pub(crate) async fn prune_some(&self, tenant: &str, sequence: i64) -> sqlx::Result<u64> {
        let chain = self.acquire_chains([tenant.to_owned()].iter()).await?;
        let mut tx = self.begin(chain).await?;
        let mut lock = "SELECT base_sequence FROM activity_chains WHERE tenant = ?".to_owned();
        if tx.is_shared() {
            lock.push_str(" FOR UPDATE");
        }
        let base = tx
            .fetch(Statement::new(lock, vec![tenant.into()]), |row| present(row.number(0)?))
            .await?;
        let Some(base) = base.into_iter().next() else { return Ok(0) };

        let sql = "SELECT sequence, hash FROM activity_entries \
                   WHERE tenant = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?";
        let args = vec![tenant.into(), base.into(), sequence.into(), BATCH.into()];
        let found = tx.fetch(Statement::new(sql, args), Link::read).await?;
        let Some(last) = found.last() else { return Ok(0) };
        let sql = "UPDATE activity_chains SET base_sequence = ?, base_hash = ? WHERE tenant = ?";
        let args = vec![last.sequence.into(), Arg::Bytes(last.hash.0.to_vec()), tenant.into()];
        tx.change("activity_chains", 1, Statement::new(sql, args)).await?;
        let sql = "DELETE FROM activity_entries WHERE tenant = ? AND sequence <= ?";
        let args = vec![tenant.into(), last.sequence.into()];
        let removed = tx.execute(Statement::new(sql, args)).await?;
        if removed < found.len() as u64 {
            return Err(tx.not_written("activity_entries", removed, found.len()));
        }
        tx.commit().await?;
        Ok(removed)
    }
}
