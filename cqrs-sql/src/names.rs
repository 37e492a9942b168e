//! The names of the tables, and the text of statements.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::error::OpenError;

/// Below the 63 bytes of Postgres with what is added to a prefix.
const LONGEST: usize = 40;

/// The schema and the prefix of the tables.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// `"schema".` or nothing.
    qualifier: String,
    prefix: Arc<str>,
}

impl Names {
    /// # Errors
    ///
    /// [`OpenError::InvalidName`].
    pub(crate) fn new(schema: Option<&str>, prefix: &str) -> Result<Self, OpenError> {
        for name in schema.into_iter().chain([prefix]) {
            check(name)?;
        }
        let qualifier = schema.map(|schema| format!("\"{schema}\".")).unwrap_or_default();
        Ok(Self { qualifier, prefix: prefix.into() })
    }

    /// The name of a table, without its schema.
    #[cfg(feature = "postgres")]
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A statement: `{event}` in `text` becomes the full name of the table `event`.
    pub(crate) fn sql(&self, text: &str) -> SqlStr {
        let open = format!("{}\"{}", self.qualifier, self.prefix);
        AssertSqlSafe(text.replace('{', &open).replace('}', "\"")).into_sql_str()
    }
}

fn check(name: &str) -> Result<(), OpenError> {
    let is_letter = |it: char| it.is_ascii_alphabetic() || it == '_';
    let is_valid = name.len() <= LONGEST
        && name.starts_with(is_letter)
        && name.chars().all(|it| is_letter(it) || it.is_ascii_digit());
    if is_valid { Ok(()) } else { Err(OpenError::InvalidName(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_quoted_and_qualified() {
        let names = Names::new(Some("sales"), "cqrs_").expect("valid");
        assert_eq!(
            names.sql("SELECT 1 FROM {event}").as_str(),
            "SELECT 1 FROM \"sales\".\"cqrs_event\""
        );
    }

    #[test]
    fn only_plain_names_are_accepted() {
        for name in ["", "1a", "a\"b", "a.b", "a}b", "ä", &"a".repeat(41)] {
            assert!(Names::new(None, name).is_err(), "{name}");
        }
    }
}
