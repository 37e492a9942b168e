//! What happens with Upwork.

use cqrs_core::prelude::*;

/// A work diary was imported.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(
    name = "upwork.sync",
    entity = "UpworkImport",
    action = "synced",
    describe = "imported {imported} rows of {file} from Upwork; {skipped} were there, {failed} failed"
)]
pub struct UpworkSync {
    /// Which import.
    #[event(entity_id)]
    pub import_id: Uuid,
    /// The file's name.
    #[event(entity_name)]
    pub file: String,
    /// Rows that became time logs.
    pub imported: u64,
    /// Rows that had been imported before.
    pub skipped: u64,
    /// Rows that were wrong.
    pub failed: u64,
}
