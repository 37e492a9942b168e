//! What the database remembers besides entries.

use super::sql::{Statement, present};
use super::turns::Turn;
use super::{Arg, Database};

impl Database {
    /// The setting of this name; `value`, if it was not set before. Of several processes that begin at
    /// the same time, one sets it.
    pub(crate) async fn setting(
        &self,
        name: &'static str,
        value: Vec<u8>,
    ) -> sqlx::Result<Vec<u8>> {
        let mut tx = self.begin(Turn::default()).await?;
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
