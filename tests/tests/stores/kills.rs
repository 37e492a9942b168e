//! Processes that are killed while they publish and handle events; see `src/bin/kill-sweep`.

use std::env;
use std::process::Command;

/// Kills as many processes as `CQRS_KILLS` says, or the program's default.
fn sweep(store: &str) {
    let sweep = Command::new(env!("CARGO_BIN_EXE_kill-sweep"))
        .arg(store)
        .args(env::var("CQRS_KILLS").ok())
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
