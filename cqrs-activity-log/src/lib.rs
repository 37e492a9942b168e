//! The activity log: everything significant that happens in an application, searchable, and hard to
//! tamper with unnoticed.
//!
//! [`ActivityLog`] opens, records and reads. The rest is in modules: [`query`] (which entries, how many at a
//! time), [`chain`] (proof that nothing was altered), [`retention`] (removal of what is old), [`entry`] (what is
//! read) and, with the feature `web`, `web` (a page and a JSON API).

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!(
    "cqrs-activity-log keeps its entries in a database: switch on `sqlite` or `postgres`"
);

// In the order of reading: each module imports only modules above it.
mod error; // why a log cannot be opened, or an activity cannot be recorded
pub mod entry; // what people read: an entry
mod redaction; // keyed hashes in the place of redacted values
mod content; // what an entry says, as columns, before it has its place in a chain
mod activity; // what is recorded by hand
mod policy; // how long entries are kept
mod tenant_locks; // work of which each tenant does one at a time
mod store; // the tables: rows, hashes and chains, in SQLite or Postgres
mod log; // the log itself: recording
mod options; // opening a log
pub mod retention; // removing what is old, and accounting for it
pub mod query; // reading: filters, pages, streams
mod live; // entries as they are recorded
mod export; // entries as JSON Lines and CSV
pub mod chain; // proof that nothing was altered
mod recorder; // the handler that records events
mod plugin; // the log as a plugin of an application
#[cfg(feature = "web")]
pub mod web; // a page, a JSON API and live entries over HTTP

pub use self::activity::Activity;
pub use self::entry::{Entry, Outcome};
pub use self::error::{OpenError, RecordError};
pub use self::log::ActivityLog;
pub use self::options::Options;
pub use self::policy::Retention;
pub use self::query::{Filter, Order, PageRequest, ReadError};
pub use self::redaction::RedactionKey;
