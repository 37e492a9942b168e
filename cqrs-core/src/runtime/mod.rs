//! What everything that runs shares: what is in flight, the shutdown, panics and time limits.

mod broadcast;
mod clock;
mod lifecycle;
mod limited;
mod panic;

pub use self::broadcast::{Lagged, Live};

pub(crate) use self::broadcast::Broadcast;
pub(crate) use self::clock::Clock;
pub(crate) use self::lifecycle::{InFlight, Lifecycle};
pub(crate) use self::limited::{Limit, limited, sleep_until};
pub(crate) use self::panic::{Panic, catch, catch_now};
