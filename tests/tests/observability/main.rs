//! What operators see: traces and metrics of a small shop.

mod export;
mod logs;
mod metrics;
mod requests;
mod shop;
mod traces;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by every test: whether a span is wanted is remembered for the whole process.
struct Alone(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

fn alone() -> Alone {
    static ONE: Mutex<()> = Mutex::new(());
    Alone(ONE.lock().unwrap_or_else(PoisonError::into_inner))
}
