//! What each database does in its own way.

use cqrs_core::handler::BoxFuture;
use cqrs_core::log::{EventLog, Maintenance, Progress, Scheduling, Units};

/// What each database does in its own way.
pub(crate) trait Backend: EventLog + Progress + Scheduling + Maintenance + Units {
    /// Closes the connections, except those of a pool of the caller.
    fn close(&self) -> BoxFuture<'_, ()>;
}
