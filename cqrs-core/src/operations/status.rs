//! How far a subscription has come, as operators see it.

use std::time::Duration;

use crate::log::Position;

/// How far the subscription of one handler has come.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SubscriptionStatus {
    /// The handler's stable name.
    pub handler: String,
    /// Whether a handler of this build continues it. If none does, it keeps events from being pruned until it is
    /// [forgotten](super::Operations::forget).
    pub is_handled: bool,
    /// Whether it is paused on all nodes.
    pub is_paused: bool,
    /// Up to here, everything is settled or parked on all shards.
    pub position: Position,
    /// How many events the log has after that, those included that the handler does not want.
    pub behind: u64,
    /// For how long the first of these has been in the log.
    pub lag: Duration,
    /// How many positions per second it has passed since this was called before on this application, if it was.
    pub rate: Option<f64>,
    /// How many deliveries are parked, those included that wait behind a dead letter.
    pub parked: u64,
    /// How many dead letters it has.
    pub dead: u64,
}
