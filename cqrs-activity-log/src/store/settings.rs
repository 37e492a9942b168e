//! Settings that the database keeps.

use super::chain_locks::ChainPermit;
use super::sql::{Statement, present};
use super::{Arg, Database};

impl Database {
    /// The setting of this name; sets it to `value`, if it was not set before. If several processes do that at the
    /// same time, all of them get the same value.
    pub(crate) async fn setting(
        &self,
        name: &'static str,
        value: Vec<u8>,
    ) -> sqlx::Result<Vec<u8>> {
        let mut tx = self.begin(ChainPermit::default()).await?;
        tx.execute(Statement::new(
            "INSERT INTO activity_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
            vec![name.into(), Arg::Bytes(value)],
        ))
        .await?;
        let select = "SELECT value FROM activity_settings WHERE name = ?";
        let found = tx
            .fetch(Statement::new(select, vec![name.into()]), |row| present(row.bytes(0)?))
            .await?;
        tx.commit().await?;
        found.into_iter().next().ok_or(sqlx::Error::RowNotFound)
    }
}
