//! A Postgres server: the one of `DATABASE_URL`, else one on this machine, else a private one.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

const LOCAL: &str = "postgres://postgres@127.0.0.1:5432/test";

/// The address of a server.
pub(crate) fn url() -> &'static str {
    static URL: OnceLock<Result<String, String>> = OnceLock::new();
    let found = URL.get_or_init(find);
    found.as_ref().unwrap_or_else(|reason| panic!("no Postgres to test with: {reason}"))
}

fn find() -> Result<String, String> {
    if let Ok(url) = env::var("DATABASE_URL") {
        let missing = "no server answers at DATABASE_URL".to_owned();
        return if answers(&url) { Ok(url) } else { Err(missing) };
    }
    if answers(LOCAL) {
        return Ok(LOCAL.to_owned());
    }
    private()
}

/// Whether a server answers there. On a thread of its own, which may block.
fn answers(url: &str) -> bool {
    let url = url.to_owned();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connecting = PgConnection::connect(&url);
            matches!(tokio::time::timeout(Duration::from_secs(5), connecting).await, Ok(Ok(_)))
        })
    })
    .join()
    .unwrap_or(false)
}

/// Starts a server in a directory of its own. A shell stops it and removes the directory when this process
/// ends, however that happens: then its input ends.
fn private() -> Result<String, String> {
    static SHELL: Mutex<Option<Child>> = Mutex::new(None);
    let programs = programs().ok_or("none on 127.0.0.1:5432, and none is installed")?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?.keep();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())?
        .port();
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(&programs).arg(&directory).arg(port.to_string());
    let log = fs::File::create(directory.join("log")).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    shell.stdin(Stdio::piped()).stdout(log).stderr(errors);
    *SHELL.lock().unwrap() = Some(shell.spawn().map_err(|error| error.to_string())?);

    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    for _ in 0..120 {
        if answers(&url) {
            return Ok(url);
        }
        thread::sleep(Duration::from_millis(250));
    }
    let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
    Err(format!("a private server did not start: {log}"))
}

/// Postgres refuses to run as root.
const SCRIPT: &str = r#"
bin=$1 dir=$2 port=$3
as() { exec "$@"; }
if [ "$(id -u)" = 0 ]; then
    user=nobody; id postgres >/dev/null 2>&1 && user=postgres
    chown "$user" "$dir"
    as() { exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"; }
fi
cd "$dir"
(as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-sync) || exit 1
(as "$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1 -c fsync=off) &
server=$!
read -r _
kill -QUIT "$server"
wait "$server"
cd /
rm -rf "$dir"
"#;

/// The folder with the programs of the newest server that is installed.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    let path = env::var_os("PATH").unwrap_or_default();
    folders.sort();
    folders.reverse();
    folders.extend(env::split_paths(&path));
    folders.into_iter().find(|folder| is_server(folder))
}

fn is_server(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("postgres").is_file()
}
