//! What verification finds.

use uuid::Uuid;

/// Somebody has written to the tables past this crate. The first place where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Tampered {
    /// The entry is not what was recorded, or not in its place.
    ///
    /// Or the one before it is not, and its hash was computed anew to hide that: the two cannot be told
    /// from each other.
    #[error("entry {sequence}{} has been altered", of(*.id))]
    Altered {
        /// Its place in the chain.
        sequence: u64,
        /// Its id; `None` where that cannot be read.
        id: Option<Uuid>,
    },
    /// An entry is not there.
    #[error("entry {sequence} is missing")]
    Missing {
        /// Its place in the chain.
        sequence: u64,
    },
    /// The entry was never recorded.
    #[error("entry {sequence}{} was not recorded, but inserted", of(*.id))]
    Inserted {
        /// The place that it claims; 0 where it claims none.
        sequence: u64,
        /// Its id; `None` where that cannot be read.
        id: Option<Uuid>,
    },
    /// Each place in the chain has its entry, and yet there are more or fewer, such as where somebody
    /// writes at the same time.
    #[error("the chain has {expected} entries, and {found} are there")]
    Miscounted {
        /// How many are there.
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
    /// The beginning is missing, and no retention has removed it.
    #[error("the beginning is cut off: entries up to {sequence} are missing, and were not pruned")]
    BeginningCutOff {
        /// The last that is missing.
        sequence: u64,
    },
    /// The remembered end of the chain is not its last entry.
    #[error("the head of the chain does not fit entry {sequence}, which is the last")]
    HeadMismatch {
        /// The last entry; 0 where there is none.
        sequence: u64,
    },
    /// The chain is in itself complete, and another than the one whose head was noted.
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
    /// The chain is sound in itself, but its beginning up to behind the noted head is gone, so nothing
    /// proves that the two belong together. The chain has an entry by which retention accounts for that;
    /// who writes a whole new chain can write such an entry, too. So it is tampering, unless something was
    /// pruned. Note a head more often than entries are pruned.
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
    /// The noted head is of another tenant's chain.
    #[error("the noted head is not one of this tenant")]
    OtherTenant,
    /// The database did not answer.
    #[error("the activity log's database failed: {0}")]
    Database(#[from] sqlx::Error),
}
