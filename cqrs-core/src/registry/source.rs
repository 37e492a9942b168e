//! The source location of an annotation.

use std::fmt;
use std::panic::Location;

/// Where a message, handler or service is declared: for reports, and to select modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Source {
    /// The file, as its path was given to the compiler.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The Rust module; empty for what was registered by hand.
    pub module: &'static str,
}

impl Source {
    /// See `source!`.
    #[doc(hidden)]
    pub const fn new(file: &'static str, line: u32, module: &'static str) -> Self {
        Self { file, line, module }
    }

    /// For a message that a route names. Only the message's own registration has its location.
    pub(crate) const UNKNOWN: Self = Self::new("", 0, "");

    #[track_caller]
    pub(crate) fn caller() -> Self {
        let location = Location::caller();
        Self::new(location.file(), location.line(), "")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
