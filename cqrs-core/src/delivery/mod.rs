//! From an accepted event to settled outcomes.
//!
//! The [`Dispatcher`] hands an event to the [`Lane`](lane::Lane) of each handler that wants it. A lane
//! keeps its deliveries in a [`LaneQueue`](queue::LaneQueue), in order per entity and in turns of
//! tenants; where its [`Gate`](gate::Gate) allows it, its workers run one [`attempt`](attempt::attempt)
//! after another and settle each: done, to be tried again, or dead. A handler of batches gets many at once, by
//! [`attempt_batch`](batch_attempt::attempt_batch); what becomes of each is its own.

mod attempt;
mod batch_attempt;
#[cfg(test)]
mod batch_properties;
mod batch_worker;
mod breaker;
mod control;
mod dead_letters;
mod dispatcher;
mod engine;
mod failures;
mod fair;
mod gate;
#[cfg(feature = "metrics")]
mod gauges;
mod interleaving;
mod lane;
mod outcome;
mod queue;
#[cfg(test)]
mod queue_properties;
mod rate;
mod room;
#[cfg(test)]
mod room_properties;
mod worker;

pub use self::breaker::BreakerState;
pub use self::control::{HandlerControl, HandlerState, HandlerStatus, UnknownHandler};
pub use self::dead_letters::{
    DeadLetter, DeadLetterFilter, DeadLetters, NoSuchDeadLetter, RedeliverError,
};
pub use self::failures::{Failure, FailureStream};
pub use self::outcome::{DeliveryState, HandlerOutcome};

pub(crate) use self::dispatcher::{Dispatcher, Refused, Routes, Undelivered};
pub(crate) use self::engine::Engine;
pub(crate) use self::failures::Failures;
pub(crate) use self::interleaving::Interleaving;
pub(crate) use self::lane::{Lane, Route};
