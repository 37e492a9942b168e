//! The forms a description has.

/// How a [`Description`](super::Description) is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Format {
    /// Tables for a terminal.
    #[default]
    Table,
    /// A Mermaid graph of who reacts to what.
    Mermaid,
    /// JSON, for tools.
    Json,
    /// Markdown, with the graph inside.
    Markdown,
}
