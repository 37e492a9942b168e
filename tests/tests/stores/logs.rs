//! What the applications of all tests log.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing::Level;

use crate::support::eventually;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps from now on what is logged. Called before what is looked for.
pub(crate) fn keep_logs() {
    let log = tracing_subscriber::fmt().with_max_level(Level::WARN).with_ansi(false);
    // Another test may have done it before.
    let _ = log.with_writer(|| Lines).try_init();
}

/// Waits until a line contains all of `words`.
pub(crate) async fn is_logged<const N: usize>(words: [&str; N]) {
    let is_logged = || {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = String::from_utf8_lossy(&lines);
        lines.lines().any(|line| words.iter().all(|word| line.contains(word)))
    };
    eventually("a line is logged", async || is_logged()).await;
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
