//! A Postgres server of a test's own, which it can stop and start.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::sql::any_server::programs;
use crate::support::eventually;

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// It ends its connections, and writes everything to its files.
    Clean,
    /// It crashes.
    Crash,
}

/// A server from the installed programs. It ends with its test, also if the test is killed.
pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    shell: Option<Child>,
}

/// Gives the arguments to a program. Postgres refuses to run as root.
const AS_USER: &str = r#"
as_user() {
    [ "$(id -u)" = 0 ] || exec "$@"
    user=nobody; id postgres >/dev/null 2>&1 && user=postgres
    chown "$user" .
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}
"#;

/// Runs the server until its input says or ends: a test that is killed leaves no server behind.
const RUN: &str = r#"
(as_user "$1/postgres" -D data -p "$2" -k "$PWD" -c listen_addresses=127.0.0.1 -c fsync=off) >>log 2>&1 &
server=$!
read -r signal || signal=QUIT
kill "-$signal" "$server"
wait "$server"
"#;

impl Server {
    /// A new server that runs.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { directory, port, shell: None };
        let init =
            r#"as_user "$1/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1"#;
        assert!(server.shell(init).status().unwrap().success(), "{}", server.log());
        server.start_again().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it after it was stopped, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let shell = self.shell(RUN).stdin(Stdio::piped()).spawn().unwrap();
        self.shell = Some(shell);
        let url = self.url();
        eventually("the server answers", async || PgConnection::connect(&url).await.is_ok()).await;
    }

    /// Stops it, and waits until it has ended.
    pub(crate) async fn stop(&mut self, end: End) {
        let mut shell = self.shell.take().expect("it runs");
        let signal: &[u8] = match end {
            End::Clean => b"INT\n",
            End::Crash => b"QUIT\n",
        };
        shell.stdin.take().unwrap().write_all(signal).unwrap();
        tokio::task::spawn_blocking(move || shell.wait()).await.unwrap().unwrap();
    }

    /// Keeps a copy of the files of a server that was stopped.
    pub(crate) fn keep_a_copy(&self) {
        assert!(self.shell("rm -rf copy && cp -a data copy").status().unwrap().success());
    }

    /// Replaces the files of a server that was stopped by the copy.
    pub(crate) fn go_back_to_the_copy(&self) {
        assert!(self.shell("rm -rf data && cp -a copy data").status().unwrap().success());
    }

    /// Copies the database with `pg_dump` into another server.
    pub(crate) fn dump_into(&self, other: &Self) {
        let dump =
            r#"PATH="$1:$PATH"; pg_dump -d "$3" | psql -q -v ON_ERROR_STOP=1 -d "$4" >>log 2>&1"#;
        let dumped = self.shell(dump).args([self.url(), other.url()]).status().unwrap();
        assert!(dumped.success(), "{}", self.log());
    }

    /// A script in the server's directory. It gets the folder of the programs and the port.
    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{AS_USER}{script}")).arg("sh");
        shell
            .arg(programs().expect("Postgres is installed"))
            .arg(self.port.to_string())
            .current_dir(self.directory.path());
        shell
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
}
