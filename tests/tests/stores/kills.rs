//! Processes that are killed while they publish and handle events; see `src/bin/kill-sweep`.

use std::env;
use std::process::Command;

/// How many processes are killed, unless `CQRS_KILLS` says so: few enough for a test. The program kills 200 by default.
const KILLS: &str = "60";

fn sweep(store: &str) {
    let kills = env::var("CQRS_KILLS").unwrap_or_else(|_| KILLS.to_owned());
    let sweep = Command::new(env!("CARGO_BIN_EXE_kill-sweep"))
        .args([store, &kills])
        .env("RUST_LOG", "off")
        .envs((store == "postgres").then(|| ("DATABASE_URL", crate::sql::url())))
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&sweep.stdout));
    assert!(sweep.status.success(), "{}", String::from_utf8_lossy(&sweep.stderr));
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn nothing_is_lost_and_nothing_happens_twice_on_sqlite() {
    sweep("sqlite");
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn nothing_is_lost_and_nothing_happens_twice_on_postgres() {
    sweep("postgres");
}
