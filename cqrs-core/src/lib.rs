//! Events, commands and queries with tenant-aware contexts.
//!
//! Annotate a struct; the linker registers it, the application proves at start-up that everything is
//! wired, and every message reaches its handlers with its tenant.
//!
//! A message's way through this crate, which is also the order of its modules: a [`Context`] says for
//! whom; an [`Event`], [`Command`] or [`Query`] says what; a handler reacts. What is annotated stands in
//! the registry, is built from services, and becomes an [`App`]. A bus accepts a message, the delivery
//! hands an event to the lane of each handler, a lane runs the handler, and the outcome is settled.
//! [`testing`] runs the same application in tests, and [`describe`] draws its map.

mod broadcast;
mod lifecycle;
mod limited;
mod message_id;
mod probe;
mod type_ref;

mod app;
mod bus;
mod changes;
#[cfg(feature = "cli")]
pub mod cli;
mod context;
mod delivery;
pub mod describe;
mod handler;
mod message;
pub mod middleware;
mod observe;
mod plugin;
mod registry;
mod services;
pub mod testing;

#[doc(hidden)]
pub mod macro_support;
pub mod prelude;

pub use crate::app::{
    App, AppBuilder, BuildError, Consumer, DEFAULT_PAYLOAD_LIMIT, Problem, ShutdownReport,
    Unfinished,
};
pub use crate::broadcast::Lagged;
pub use crate::bus::{
    AnyEventStream, CommandBus, EventBus, EventStream, ExecuteError, PublishError, QueryBus,
};
pub use crate::changes::{
    Change, Changes, ChangesError, MAX_CHANGE_VALUE, MAX_CHANGES, MAX_CHANGES_SIZE,
};
pub use crate::context::{
    Actor, ActorKind, AttributeError, Context, InvalidTenant, InvalidTraceParent,
    MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES, MAX_TENANT_LENGTH, TenantId,
    TenantScope, TraceParent,
};
pub use crate::delivery::{
    BreakerState, DeadLetter, DeadLetterFilter, DeadLetters, DeliveryError, DeliveryState, Failure,
    FailureStream, HandlerControl, HandlerOutcome, HandlerState, HandlerStatus, NoSuchDeadLetter,
    RedeliverError, UnknownHandler,
};
pub use crate::handler::{
    Batch, BatchEventHandler, BatchItem, BatchIter, BatchPolicy, BoxFuture, BreakerPolicy,
    CommandHandler, EventHandler, HandlerError, HandlerOptions, HandlerResult, QueryHandler,
    RateLimit, RetryPolicy,
};
pub use crate::message::{
    AnyEvent, Command, Event, EventPayload, MAX_PAYLOAD_DEPTH, MessageError, Published, Query,
    REDACTED, Redaction,
};
pub use crate::plugin::{BoxError, Plugin, StartError};
pub use crate::registry::{
    BatchesHandler, EventsHandler, Handler, HandlerRegistration, MessageKind, Module, Modules,
    Source,
};
pub use crate::services::{Dependency, Injectable, MissingService, Service, Services};
pub use crate::type_ref::TypeRef;
pub use cqrs_macros::{
    Command, Event, Injectable, Query, command_handler, events_handler, query_handler,
};
