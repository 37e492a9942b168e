//! Statements that are written once for both databases, and the rows that they read.

use std::borrow::Cow;

use sqlx::{TypeInfo as _, ValueRef as _};
use uuid::Uuid;

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arg {
    Text(Option<String>),
    Number(Option<i64>),
    Id(Option<Uuid>),
    Bytes(Vec<u8>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Uuid> for Arg {
    fn from(id: Uuid) -> Self {
        Self::Id(Some(id))
    }
}

/// A statement with `?` for each value. No input of users is part of its text.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(super) sql: Cow<'static, str>,
    pub(super) args: Vec<Arg>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, args: Vec<Arg>) -> Self {
        Self { sql: sql.into(), args }
    }

    /// The text with `$1`, `$2` and so on. Statements use `?` for nothing else.
    #[cfg(feature = "postgres")]
    pub(super) fn numbered(&self) -> String {
        use std::fmt::Write as _;
        let mut numbered = String::with_capacity(self.sql.len() + 3 * self.args.len());
        for (number, part) in self.sql.split('?').enumerate() {
            if number > 0 {
                // Writing to a string does not fail.
                let _ = write!(numbered, "${number}");
            }
            numbered.push_str(part);
        }
        numbered
    }
}

/// `(?, ?), (?, ?)`: `rows` rows of `columns` values.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

/// `rows`, with the last one repeated up to a power of two, so that there are few different statements and the
/// database keeps them prepared.
pub(super) fn padded<T: Clone>(mut rows: Vec<T>) -> Vec<T> {
    if let Some(last) = rows.last().cloned() {
        rows.resize(rows.len().next_power_of_two(), last);
    }
    rows
}

/// The columns of a row of either database.
pub(crate) trait Columns {
    fn text(&self, column: usize) -> sqlx::Result<Option<String>>;
    fn number(&self, column: usize) -> sqlx::Result<Option<i64>>;
    fn id(&self, column: usize) -> sqlx::Result<Option<Uuid>>;
    fn bytes(&self, column: usize) -> sqlx::Result<Option<Vec<u8>>>;
    /// Whether the value is stored as text, which `bytes` and `id` also read.
    fn is_text(&self, column: usize) -> sqlx::Result<bool>;
}

macro_rules! columns_of {
    ($row:ty) => {
        impl Columns for $row {
            fn text(&self, column: usize) -> sqlx::Result<Option<String>> {
                sqlx::Row::try_get(self, column)
            }

            fn number(&self, column: usize) -> sqlx::Result<Option<i64>> {
                sqlx::Row::try_get(self, column)
            }

            fn id(&self, column: usize) -> sqlx::Result<Option<Uuid>> {
                sqlx::Row::try_get(self, column)
            }

            fn bytes(&self, column: usize) -> sqlx::Result<Option<Vec<u8>>> {
                sqlx::Row::try_get(self, column)
            }

            fn is_text(&self, column: usize) -> sqlx::Result<bool> {
                let value = sqlx::Row::try_get_raw(self, column)?;
                Ok(!value.is_null() && value.type_info().name() == "TEXT")
            }
        }
    };
}

#[cfg(feature = "sqlite")]
columns_of!(sqlx::sqlite::SqliteRow);
#[cfg(feature = "postgres")]
columns_of!(sqlx::postgres::PgRow);

/// A value that a column must have.
pub(crate) fn present<T>(value: Option<T>) -> sqlx::Result<T> {
    value.ok_or_else(|| sqlx::Error::Decode("a value is missing".into()))
}
