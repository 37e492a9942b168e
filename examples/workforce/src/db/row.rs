//! What a statement gives.

use std::str::FromStr;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::DbError;

/// One row; columns are read by name, as what they stand for.
pub enum Row {
    #[doc(hidden)]
    Sqlite(SqliteRow),
    #[doc(hidden)]
    Postgres(PgRow),
}

/// Reads a column, whichever database the row is of.
macro_rules! get {
    ($row:expr, $column:expr, $type:ty) => {
        match $row {
            Row::Sqlite(row) => Ok::<$type, DbError>(row.try_get($column)?),
            Row::Postgres(row) => Ok(row.try_get($column)?),
        }
    };
}

#[allow(clippy::missing_errors_doc)] // All alike: there is no such column, or it is something else.
impl Row {
    /// Text.
    pub fn text(&self, column: &str) -> Result<String, DbError> {
        get!(self, column, String)
    }

    /// Text, or NULL.
    pub fn text_opt(&self, column: &str) -> Result<Option<String>, DbError> {
        get!(self, column, Option<String>)
    }

    /// An integer.
    pub fn int(&self, column: &str) -> Result<i64, DbError> {
        get!(self, column, i64)
    }

    /// An integer, or NULL.
    pub fn int_opt(&self, column: &str) -> Result<Option<i64>, DbError> {
        get!(self, column, Option<i64>)
    }

    /// Bytes.
    pub fn bytes(&self, column: &str) -> Result<Vec<u8>, DbError> {
        get!(self, column, Vec<u8>)
    }

    /// Text that is an identifier, or anything else that can be parsed.
    pub fn parse<T>(&self, column: &str) -> Result<T, DbError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(column)?.parse().map_err(DbError::decode)
    }

    /// An identifier.
    pub fn uuid(&self, column: &str) -> Result<Uuid, DbError> {
        self.parse(column)
    }

    /// An identifier, or NULL.
    pub fn uuid_opt(&self, column: &str) -> Result<Option<Uuid>, DbError> {
        let text = self.text_opt(column)?;
        text.map(|text| text.parse()).transpose().map_err(DbError::decode)
    }

    /// A time.
    pub fn time(&self, column: &str) -> Result<Timestamp, DbError> {
        Timestamp::from_microsecond(self.int(column)?).map_err(DbError::decode)
    }

    /// A time, or NULL.
    pub fn time_opt(&self, column: &str) -> Result<Option<Timestamp>, DbError> {
        let micros = self.int_opt(column)?;
        micros.map(Timestamp::from_microsecond).transpose().map_err(DbError::decode)
    }
}
