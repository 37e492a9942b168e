//! What the framework adds to the least that the same work can cost.
//!
//! `cargo bench --manifest-path benches/Cargo.toml`. Each figure is measured beside its floor, round by
//! round, since a shared machine's speed drifts; what counts is the ratio.

mod command;
mod delivery;
mod many;
mod paired;

fn main() {
    println!("{:<52} {:>11} {:>11} {:>7}", "", "floor", "measured", "ratio");
    command::run();
    delivery::run();
    many::run();
}
