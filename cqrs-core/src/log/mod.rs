//! The contract of a durable log of events, and of the progress that subscriptions make on it.
//!
//! A store knows nothing of handlers, retries, tenants' turns or time limits. It keeps events as text, in one order,
//! and it keeps how far each subscription has come. `cqrs-sql` is a store on SQLite and Postgres;
//! [`MemoryStore`] is one for tests.

mod error;
mod event;
mod event_log;
mod hash;
mod maintenance;
mod memory;
mod progress;
mod scheduling;
mod units;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use self::error::StoreError;
pub use self::event::{LogEvent, LoggedEvent, Position, SeenEvent};
pub use self::event_log::{DoneRow, Entry, EventLog, Profile};
pub use self::hash::stable_hash;
pub(crate) use self::maintenance::FailureFacts;
pub use self::maintenance::{
    DeliveryFilter, DeliveryId, Edit, FailedState, LivingNode, Maintenance, ResetTo, StoredFailure,
    SubscriptionProgress,
};
pub use self::memory::MemoryStore;
pub use self::progress::{
    Beat, Change, Claim, DeadDelivery, Lease, NewSubscription, Node, Parked, Progress,
    Subscription, SubscriptionId,
};
pub use self::scheduling::{DueEvents, ScheduledEvent, Scheduling};
pub use self::units::{Unit, Units};
pub use crate::handler::Start;
pub use crate::message::{Executed, ExecutionKey};

/// An event that is ready to be published, or to be scheduled, in a transaction of the store's database.
#[derive(Debug)]
pub struct Staged {
    /// The application's store.
    pub store: Arc<dyn Store>,
    /// The event, as the store keeps it.
    pub event: LogEvent,
}

/// A durable log with the progress on it: what [`AppBuilder::store`](crate::AppBuilder::store) takes.
pub trait Store:
    EventLog + Progress + Scheduling + Maintenance + Any + fmt::Debug + Send + Sync
{
    /// The store's transactions, if users can write in them.
    fn units(&self) -> Option<&dyn Units> {
        None
    }
}
