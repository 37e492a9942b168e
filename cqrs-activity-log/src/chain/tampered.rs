//! What verification finds.

use uuid::Uuid;

/// The tables were changed without this crate. This is the first inconsistency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Tampered {
    /// The entry is not what was recorded, or is at another position.
    ///
    /// Or the entry before it was altered, with a new hash that hides that: verification cannot distinguish the
    /// two.
    #[error("entry {sequence}{} has been altered", of(*.id))]
    Altered {
        /// Its position in the chain.
        sequence: u64,
        /// Its id; `None`, if it cannot be read.
        id: Option<Uuid>,
    },
    /// An entry is missing.
    #[error("entry {sequence} is missing")]
    Missing {
        /// Its position in the chain.
        sequence: u64,
    },
    /// The entry was never recorded.
    #[error("entry {sequence}{} was not recorded, but inserted", of(*.id))]
    Inserted {
        /// The position that it claims; 0, if it claims none.
        sequence: u64,
        /// Its id; `None`, if it cannot be read.
        id: Option<Uuid>,
    },
    /// Each position in the chain has its entry, but the table has more or fewer entries, such as when another
    /// program writes at the same time.
    #[error("the chain has {expected} entries, and {found} are there")]
    Miscounted {
        /// How many entries the table has.
        found: u64,
        /// How many the chain has.
        expected: u64,
    },
    /// The end of the chain is missing.
    #[error("the end is cut off: entries {sequence} to {head} are missing")]
    CutOff {
        /// The first that is missing.
        sequence: u64,
        /// The last that was there.
        head: u64,
    },
    /// The beginning is missing, and retention has not removed it.
    #[error("the beginning is cut off: entries up to {sequence} are missing, and were not pruned")]
    BeginningCutOff {
        /// The last that is missing.
        sequence: u64,
    },
    /// The head of the chain in the database is not its last entry.
    #[error("the head of the chain does not fit entry {sequence}, which is the last")]
    HeadMismatch {
        /// The last entry; 0, if there is none.
        sequence: u64,
    },
    /// The chain is complete in itself, but is not the chain whose head was noted.
    #[error("the log has been rewritten: entry {sequence} is not the one whose head was noted")]
    Rewritten {
        /// The entry of the noted head.
        sequence: u64,
    },
}

fn of(id: Option<Uuid>) -> String {
    id.map(|id| format!(" ({id})")).unwrap_or_default()
}

/// A chain could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It has been tampered with.
    #[error("the activity log has been tampered with: {0}")]
    Tampered(#[from] Tampered),
    /// The chain is sound in itself, but the entry of the noted head was removed from its beginning, so nothing
    /// proves that the head belongs to this chain. An entry of the chain says that retention removed it, but an
    /// attacker who writes a new chain can write such an entry too. If nothing was pruned, this is tampering.
    /// Note heads more often than entries are pruned.
    #[error(
        "the chain is sound in itself, but nothing proves that it is the one whose head was noted: that is \
         of entry {sequence}, and entries up to {pruned} are gone. If they were pruned, note a newer head; \
         if nothing was, the log has been rewritten"
    )]
    HeadPruned {
        /// The entry of the noted head.
        sequence: u64,
        /// The last entry that was pruned.
        pruned: u64,
    },
    /// The noted head belongs to another tenant's chain.
    #[error("the noted head is not one of this tenant")]
    OtherTenant,
    /// The database failed.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}
