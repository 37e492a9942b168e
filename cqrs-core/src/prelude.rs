//! Everything that a module with messages and handlers needs: `use cqrs_core::prelude::*;`.
//!
//! It includes serde's traits with their derives, [`Timestamp`], [`Uuid`], [`Arc`] and [`Duration`], which nearly every
//! such module uses. Serde's derives need `serde` among your own dependencies.

pub use std::sync::Arc;
pub use std::time::Duration;

pub use jiff::Timestamp;
pub use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

pub use crate::app::App;
pub use crate::bus::{CommandBus, EventBus, ExecuteError, PublishError, QueryBus};
pub use crate::context::{Actor, Context, TenantId, TenantScope};
pub use crate::handler::{
    Batch, BatchEventHandler, BoxFuture, CommandHandler, EventHandler, HandlerError, HandlerResult,
    QueryHandler, TransactionalBatchEventHandler, TransactionalCommandHandler,
    TransactionalEventHandler,
};
pub use crate::message::{AnyEvent, Command, Event, Published, Query};
pub use crate::modules;
pub use crate::payload::Changes;
pub use crate::services::Injectable;
pub use cqrs_macros::{
    Command, Event, Injectable, Query, command_handler, events_handler, provider, query_handler,
};
