//! Events, commands and queries with tenant-aware contexts.
//!
//! You annotate a function or a struct, and the linker registers it. At start-up, the application proves that everything
//! is wired. Every message reaches its handlers with its tenant.
//!
//! The modules are in the order in which a message travels, and each imports only those above it: a
//! [`Context`] says for whom; an [`Event`], [`Command`] or [`Query`] says what; a handler reacts. The
//! registry knows what is annotated; the application builds it from services. A bus accepts a message and
//! hands it to the lane of each handler; a lane's schedule says what is next, a worker attempts it, and the
//! verdict settles it.

mod runtime; // what everything that runs shares: in flight, shutdown, panics, time limits
pub mod context; // for whom: tenant, actor, correlation, deadline
pub mod payload; // a message as JSON: size, redaction, changes
pub mod message; // events, commands, queries
pub mod handler; // what users write: traits, options, errors
pub mod services; // injection
pub mod registry; // what the annotations submit
pub mod middleware; // around every call
mod observe; // spans, metrics
mod schedule; // what a handler does next: pure data
pub mod lane; // one handler at work
pub mod log; // the contract of a durable log and of progress on it
mod subscription; // from the log to the lanes: window, tracker, parking, shards
pub mod bus; // where messages enter
pub mod operations; // what operators look at and change
pub mod app; // builder, wiring, plugins, modules
pub mod describe; // a map of all that
#[cfg(feature = "cli")]
pub mod cli; // that map, and the check of the wiring, as commands
pub mod testing; // the real application in tests

#[doc(hidden)]
pub mod macro_support;
pub mod prelude;

pub use crate::app::{App, AppBuilder, BuildError, Plugin, ShutdownReport};
pub use crate::bus::{CommandBus, EventBus, ExecuteError, PublishError, QueryBus};
pub use crate::context::{Actor, Context, InvalidTenant, TenantId, TenantScope};
pub use crate::handler::{
    Batch, BatchEventHandler, BoxFuture, CommandHandler, EventHandler, HandlerError,
    HandlerOptions, HandlerResult, QueryHandler, RetryPolicy,
};
pub use crate::message::{AnyEvent, Command, Event, Published, Query};
pub use crate::payload::Changes;
pub use crate::registry::Handler;
pub use crate::services::Injectable;
pub use cqrs_macros::{
    Command, Event, Injectable, Query, command_handler, events_handler, provider, query_handler,
};
pub use jiff::Timestamp;
pub use uuid::Uuid;
