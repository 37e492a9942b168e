//! Bringing the tables up to date.

use sqlx::{ColumnIndex, Connection, Database, Decode, Executor, Row, Type};

use crate::error::OpenError;
use crate::names::Names;

/// The texts of one database, the oldest first. A text that was released never changes.
pub(crate) struct Migrations(pub(crate) &'static [&'static str]);

impl Migrations {
    /// The version that this build makes.
    pub(crate) fn newest(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    /// The version of the tables. The table of migrations must exist.
    pub(crate) async fn version<DB>(
        &self,
        names: &Names,
        connection: &mut DB::Connection,
    ) -> Result<i64, OpenError>
    where
        DB: Database,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        for<'r> i64: Decode<'r, DB> + Type<DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let sql = names.sql("SELECT coalesce(max(version), 0) FROM {migration}");
        let found = sqlx::raw_sql(sql).fetch_one(connection).await?.try_get(0)?;
        let known = self.newest();
        if found > known { Err(OpenError::NewerSchema { found, known }) } else { Ok(found) }
    }

    /// Runs what is missing. The connection is in a transaction that excludes other processes that migrate.
    pub(crate) async fn run<DB>(
        &self,
        names: &Names,
        connection: &mut DB::Connection,
    ) -> Result<(), OpenError>
    where
        DB: Database,
        DB::Connection: Connection<Database = DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        for<'r> i64: Decode<'r, DB> + Type<DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let table = names
            .sql("CREATE TABLE IF NOT EXISTS {migration} (version bigint NOT NULL PRIMARY KEY)");
        sqlx::raw_sql(table).execute(&mut *connection).await?;
        let found = self.version::<DB>(names, connection).await?;
        for (version, text) in (1..).zip(self.0).skip_while(|(version, _)| *version <= found) {
            sqlx::raw_sql(names.sql(text)).execute(&mut *connection).await?;
            let done =
                names.sql(&format!("INSERT INTO {{migration}} (version) VALUES ({version})"));
            sqlx::raw_sql(done).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
