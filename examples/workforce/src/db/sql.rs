//! A statement for each of the databases.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use super::Value;

pub(super) fn sqlite(
    sql: &'static str,
    values: Vec<Value>,
) -> Query<'static, Sqlite, SqliteArguments> {
    values.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Text(value) => query.bind(value),
        Value::Int(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

pub(super) fn postgres(
    sql: &'static str,
    values: Vec<Value>,
) -> Query<'static, Postgres, PgArguments> {
    bound(numbered(sql), values)
}

/// As [`postgres`], and the row is locked.
pub(super) fn postgres_locking(
    sql: &'static str,
    values: Vec<Value>,
) -> Query<'static, Postgres, PgArguments> {
    bound(numbered(sql) + " FOR UPDATE", values)
}

fn bound(sql: String, values: Vec<Value>) -> Query<'static, Postgres, PgArguments> {
    // Safe as the literal that it was: only `?` became `$1`.
    let query = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(value) => query.bind(value),
        Value::Int(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// `?` as `$1`, `$2` and so on, except in quotes.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 8);
    let (mut count, mut quoted) = (0_u32, false);
    for char in sql.chars() {
        quoted ^= char == '\'';
        if char == '?' && !quoted {
            count += 1;
            out.push('$');
            out.push_str(&count.to_string());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered_except_in_quotes() {
        let sql = "SELECT '?' FROM t WHERE a = ? AND b = ?";
        assert_eq!(numbered(sql), "SELECT '?' FROM t WHERE a = $1 AND b = $2");
    }
}
