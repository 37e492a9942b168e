//! What the durable log costs beside plain SQL through the same driver.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench durable -- [sqlite] [normal] [postgres] [topic ..]`; without
//! arguments, all. `sqlite` waits for the disk at each commit (`FULL`), `normal` does not. Postgres is the server of
//! `DATABASE_URL`, or the one at 127.0.0.1:5432; the tables are in schemas that are dropped at the end.
//!
//! Each figure is measured beside its floor, round by round. The ratio is that of the times, so a rate of 0.85 of the
//! floor's is 1.18x.

mod database;
mod floor;
mod sample;
mod subject;
mod publish;
mod publish_in;
mod latency;
mod drain;
mod batches;
mod many;
mod backlog;
#[cfg(feature = "peers")]
mod peers;
#[path = "../activity_log/memory.rs"]
mod memory;
#[path = "../paired.rs"]
mod paired;

use std::error::Error;

use tokio::runtime::Runtime;

use crate::database::Kind;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
type Topic = fn(&Runtime, Kind) -> Result;

const TOPICS: &[(&str, Topic)] = &[
    ("publish", publish::one_caller),
    ("callers", publish::many_callers),
    ("publish_in", publish_in::run),
    ("latency", latency::run),
    ("drain", drain::run),
    ("batches", batches::run),
    ("many", many::run),
    ("backlog", backlog::run),
    #[cfg(feature = "peers")]
    ("peers", peers::run),
];

fn main() -> Result {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let wants = |name: &str, all: &[&str]| {
        arguments.iter().any(|it| it == name) || !arguments.iter().any(|it| all.contains(&&**it))
    };
    let topics: Vec<_> = TOPICS.iter().map(|(name, _)| *name).collect();
    let runtime = Runtime::new()?;
    for kind in Kind::ALL {
        if !wants(kind.name(), &Kind::ALL.map(Kind::name)) {
            continue;
        }
        println!("\n{:<52} {:>11} {:>11} {:>7}", kind.title(), "floor", "measured", "ratio");
        for (name, measure) in TOPICS {
            if wants(name, &topics) {
                measure(&runtime, kind)?;
            }
        }
    }
    Ok(())
}
