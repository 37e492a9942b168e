//! The activity log: everything significant that happens in an application, searchable, and hard to
//! tamper with unnoticed.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!(
    "cqrs-activity-log keeps its entries in a database: switch on `sqlite` or `postgres`"
);

mod activity;
mod chain;
mod content;
mod entry;
mod error;
mod export;
mod held;
mod live;
mod log;
mod options;
mod plugin;
mod query;
mod recorder;
mod redaction;
mod retention;
mod store;
#[cfg(feature = "web")]
pub mod web;

pub use crate::activity::Activity;
pub use crate::chain::{Head, InvalidHead, Tampered, Verification, VerifyError};
pub use crate::entry::{Entry, EntryHash, InvalidHash, InvalidOutcome, Outcome};
pub use crate::error::{OpenError, ReadError, RecordError, RetentionError};
pub use crate::log::{ActivityLog, MAX_BATCH};
pub use crate::options::Options;
pub use crate::query::{
    Cursor, DEFAULT_LIMIT, Facet, Facets, Filter, InvalidCursor, InvalidFilter, InvalidLimit,
    MAX_FACET_VALUES, MAX_FILTER_VALUE, MAX_LIMIT, MAX_LOOKED_AT, Page, PageRequest,
};
pub use crate::redaction::RedactionKey;
pub use crate::retention::{Pruned, Retention};
pub use crate::store::Order;
