//! A message as JSON: its size, its redactions, and the changes of an update.

mod changes;
mod exact;
mod measure;
mod redaction;

pub use self::changes::{Change, Changes};
pub use self::redaction::Redaction;

pub(crate) use self::exact::exact_text;
pub(crate) use self::measure::{MAX_PAYLOAD_DEPTH, size_within};
pub(crate) use self::redaction::{
    UNREADABLE, apply, apply_to_changes, mask_all_in_text, mask_in_text,
};
