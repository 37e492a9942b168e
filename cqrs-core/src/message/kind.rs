//! Event, command or query.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of message a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Something happened; any number of handlers react.
    Event,
    /// Something shall change; exactly one handler does it.
    Command,
    /// Something is asked; exactly one handler answers.
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
