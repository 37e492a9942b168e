//! Where messages enter.

mod capacity;
#[cfg(test)]
mod capacity_properties;
mod command_bus;
mod control;
mod dispatcher;
mod error;
mod event_bus;
mod event_hub;
mod execute;
mod execute_json;
mod feed;
mod future;
#[cfg(feature = "metrics")]
mod gauges;
mod letters;
mod outliving;
mod publish_json;
mod publish_middleware;
mod query_bus;
mod query_stream;
mod similar;
mod subscription;
mod waiters;

pub use self::command_bus::CommandBus;
pub use self::control::{HandlerControl, UnknownHandler};
pub use self::error::{CancelError, ExecuteError, PublishError};
pub use self::event_bus::EventBus;
pub use self::execute_json::ExecuteJsonError;
#[doc(hidden)]
pub use self::execute_json::JsonCommand;
pub use self::future::{BusFuture, ExecuteFuture};
pub use self::publish_json::PublishJsonError;
pub use self::publish_middleware::{Publish, PublishMiddleware, PublishNext};
pub use self::query_bus::QueryBus;
pub use self::query_stream::QueryStream;
pub use self::waiters::HandlerOutcome;
pub use crate::lane::{HandlerState, HandlerStatus};
pub use crate::runtime::{Lagged, Live};

pub(crate) use self::command_bus::CommandExecutors;
pub(crate) use self::dispatcher::{Dispatcher, Hand, Once, Routes, Undelivered, Unrouted};
pub(crate) use self::event_hub::{EventHub, PublishOptions};
pub(crate) use self::execute::{Execution, Executors};
pub(crate) use self::feed::Route;
pub(crate) use self::future::Begun;
pub(crate) use self::letters::{DeadLetter, Letters};
pub(crate) use self::publish_middleware::PublishMiddlewares;
pub(crate) use self::query_bus::QueryExecutors;
