//! Event, command or query.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of message a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Something happened; any number of handlers react.
    Event,
    /// Asks for a change; exactly one handler executes it.
    Command,
    /// Asks a question; exactly one handler answers it.
    Query,
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Event => "event",
            Self::Command => "command",
            Self::Query => "query",
        })
    }
}
