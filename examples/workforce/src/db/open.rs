//! Opening a database.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::time::timeout;

use super::migrations::{Dialect, migrator};
use super::{Db, OpenError, Pools};

/// How long a statement waits for a connection, and for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;

impl Db {
    /// Opens `sqlite://file`, `postgres://..` or a file's name; makes the file and the tables if they are
    /// not there.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the database, without its password.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let connect = |error| OpenError::Connect { url: shown(url), error };
        let migrate = |error| OpenError::Migrate { url: shown(url), error };
        if is_postgres(url) {
            let options =
                PgConnectOptions::from_str(url).map_err(|error| malformed(url, &error))?;
            // Says at once what is wrong; a pool tries until its patience ends, and says only that it did.
            let connection = PgConnection::connect_with(&options);
            let connection = timeout(PATIENCE, connection).await.map_err(|_| no_answer());
            let connection = connection.and_then(|connected| connected).map_err(connect)?;
            connection.close().await.map_err(connect)?;
            let pool = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .connect_with(options)
                .await
                .map_err(connect)?;
            migrator(Dialect::Postgres).run(&pool).await.map_err(migrate)?;
            return Ok(Self(Pools::Postgres(pool)));
        }
        let options = sqlite_options(url)?;
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await
            .map_err(connect)?;
        migrator(Dialect::Sqlite).run(&write).await.map_err(migrate)?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(connect)?;
        Ok(Self(Pools::Sqlite { read, write }))
    }

    /// A database that is never connected to, to build an application that is only described.
    pub fn unconnected() -> Self {
        let pool = || SqlitePoolOptions::new().connect_lazy_with(SqliteConnectOptions::new());
        Self(Pools::Sqlite { read: pool(), write: pool() })
    }
}

/// The file of a `SQLite` database; `None` if it is another, or malformed.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    if is_postgres(url) {
        return None;
    }
    sqlite_options(url).ok().map(|options| options.get_filename().to_owned())
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    let options = match url.split_once("://") {
        Some(("sqlite", _)) => {
            SqliteConnectOptions::from_str(url).map_err(|error| malformed(url, &error))?
        }
        Some(_) => {
            return Err(OpenError::Url { url: shown(url), reason: String::new() });
        }
        None => SqliteConnectOptions::new().filename(url),
    };
    Ok(options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(PATIENCE))
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))
}

fn malformed(url: &str, error: &sqlx::Error) -> OpenError {
    OpenError::Url { url: shown(url), reason: format!(" ({error})") }
}

/// `postgres://user:secret@host/name` as `postgres://user@host/name`; parameters go as well.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = super::shown("postgres://ada:s3cr@t@db.example:5432/hr?password=x");
        assert_eq!(shown, "postgres://ada@db.example:5432/hr");
        assert_eq!(super::shown("workforce.db"), "workforce.db");
    }

    #[tokio::test]
    async fn an_unknown_database_is_named_with_the_ones_that_are_known() {
        let error = Db::open("mysql://root:pw@localhost/x").await.unwrap_err().to_string();
        assert!(
            error.contains("mysql://root@localhost/x") && error.contains("postgres://"),
            "{error}"
        );
        assert!(!error.contains("pw"), "{error}");
    }
}
