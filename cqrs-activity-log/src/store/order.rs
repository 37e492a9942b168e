//! In which order entries are read.

use uuid::Uuid;

/// In which order entries are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The latest first.
    #[default]
    NewestFirst,
    /// The earliest first.
    OldestFirst,
    /// In the order of [`Entry::sequence`](crate::Entry::sequence), from the first. An entry that is recorded later comes
    /// later, also if it happened before: a reader that goes on from page to page misses none.
    AsRecorded,
}

impl Order {
    /// The position of an entry: its id, or its sequence in the form of an id.
    pub(crate) fn position(self, id: Uuid, sequence: u64) -> Uuid {
        match self {
            Self::NewestFirst | Self::OldestFirst => id,
            Self::AsRecorded => Uuid::from_u128(sequence.into()),
        }
    }
}
