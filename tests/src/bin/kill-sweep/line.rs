//! What a process tells the one that kills it, on its output.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    /// It begins to publish.
    Ready,
    /// Events of a counter were accepted: the first number, and how many.
    Accepted { counter: i64, first: i64, count: i64 },
    /// So many deliveries were parked.
    Parked(usize),
    /// So many dead letters that blocked their counters were delivered again at the end.
    Blocking(usize),
    /// This must not happen.
    Failed(String),
}

impl Line {
    pub(crate) fn print(&self) {
        let line = serde_json::to_string(self).expect("it is text") + "\n";
        // In one write, so that lines are whole. The reader may have gone away.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}
