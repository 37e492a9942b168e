//! A message as JSON: its size, what logs may show of it, and what an update changed.

mod changes;
mod measure;
mod redaction;

pub use self::changes::{Change, Changes, ChangesError};
pub use self::redaction::Redaction;

pub(crate) use self::measure::{MAX_PAYLOAD_DEPTH, size_within};
pub(crate) use self::redaction::{UNREADABLE, apply, apply_to_changes, mask_in_text};
