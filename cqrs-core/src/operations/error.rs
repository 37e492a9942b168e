//! Why an operation could not be done.

use std::time::Duration;

use uuid::Uuid;

use crate::bus::UnknownHandler;
use crate::log::StoreError;

/// Why an operation could not be done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Only a store can do it.
    #[error(
        "the application has no store, which `{0}` needs: give it one with `App::builder().store(..)`"
    )]
    NoStore(&'static str),
    /// No handler and no subscription has this name.
    #[error(transparent)]
    UnknownHandler(#[from] UnknownHandler),
    /// There is no such delivery: it was redelivered, discarded or handled meanwhile.
    #[error(
        "no failed delivery has the id {0}; it may have been redelivered, discarded or handled already"
    )]
    NoSuchDelivery(Uuid),
    /// A parked delivery keeps its event, because others wait behind it.
    #[error(
        "delivery {0} is parked and is tried again: only the event of a dead letter can be edited"
    )]
    Parked(Uuid),
    /// A dead letter of the store that blocks its order key keeps its event, because it keeps its place in the log.
    #[error(
        "the event of delivery {0} cannot be edited, because later events of its order key wait for it: redeliver it as it \
         is, or discard it"
    )]
    BlocksKey(Uuid),
    /// The edited payload does not have the form of the event.
    #[error("the edited payload is no `{event}`: {error}")]
    WrongPayload {
        /// The event's name.
        event: String,
        /// Why.
        error: serde_json::Error,
    },
    /// A subscription that is in use cannot be forgotten.
    #[error(
        "this build handles `{0}`: only a subscription that no handler continues can be forgotten"
    )]
    StillHandled(String),
    /// What is kept must be a time that the calendar has.
    #[error("{0:?} before now is no time that the calendar has")]
    WrongTime(Duration),
    /// The application takes no more work.
    #[error("the application is shut down")]
    ShutDown,
}
