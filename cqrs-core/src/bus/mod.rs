//! Where messages enter.

mod command_bus;
mod error;
mod event_bus;
mod executor;
mod query_bus;
mod subscription;

pub use self::command_bus::CommandBus;
pub use self::error::{ExecuteError, PublishError};
pub use self::event_bus::EventBus;
pub use self::query_bus::QueryBus;
pub use self::subscription::{AnyEventStream, EventStream};

pub(crate) use self::command_bus::CommandExecutors;
pub(crate) use self::event_bus::EventHub;
pub(crate) use self::executor::{Execution, Executors};
pub(crate) use self::query_bus::QueryExecutors;
