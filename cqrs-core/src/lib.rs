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

mod runtime;

mod app;
mod bus;
#[cfg(feature = "cli")]
pub mod cli;
mod context;
pub mod describe;
mod handler;
mod lane;
mod message;
pub mod middleware;
mod observe;
mod payload;
mod registry;
mod schedule;
mod services;
pub mod testing;

mod blob;
#[cfg(feature = "http")]
pub mod http;

#[doc(hidden)]
pub mod macro_support;
pub mod prelude;

pub use crate::app::{
    App, AppBuilder, BoxError, BuildError, DEFAULT_PAYLOAD_LIMIT, Module, Modules, Plugin, Problem,
    ProblemKind, ShutdownReport, StartError, Unfinished,
};
pub use crate::blob::{
    BlobError, BlobRef, BlobStore, DEFAULT_BLOB_LIMIT, DirectoryBlobs, InvalidMediaType,
    MemoryBlobs,
};
pub use crate::bus::{
    AnyEventStream, CommandBus, DeadLetter, DeadLetterFilter, DeadLetters, EventBus, EventStream,
    ExecuteError, HandlerControl, HandlerOutcome, HandlerState, HandlerStatus, NoSuchDeadLetter,
    PublishError, QueryBus, RedeliverError, UnknownHandler,
};
pub use crate::context::{
    Actor, ActorKind, AttributeError, Context, InvalidTenant, InvalidTraceParent,
    MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES, MAX_TENANT_LENGTH, TenantId,
    TenantScope, TraceParent,
};
pub use crate::handler::{
    AttemptError, Batch, BatchEventHandler, BatchItem, BatchIter, BatchPolicy, BoxFuture,
    BreakerPolicy, CommandHandler, DeliveryError, EventHandler, HandlerError, HandlerOptions,
    HandlerResult, Order, QueryHandler, RateLimit, RetryPolicy,
};
pub use crate::lane::{BreakerState, DeliveryState, Failure, FailureStream};
pub use crate::message::{
    AnyEvent, Command, Event, EventPayload, MessageError, MessageKind, Published, Query,
};
pub use crate::payload::{Change, Changes, ChangesError, MAX_PAYLOAD_DEPTH, REDACTED, Redaction};
pub use crate::registry::{BatchesHandler, EventsHandler, Handler, HandlerRegistration, Source};
pub use crate::runtime::Lagged;
pub use crate::services::{Dependency, Injectable, MissingService, Service, Services, TypeRef};
pub use cqrs_macros::{
    Command, Event, Injectable, Query, command_handler, events_handler, query_handler,
};
