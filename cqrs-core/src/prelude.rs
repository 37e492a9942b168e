//! Everything that a module with messages and handlers needs: `use cqrs_core::prelude::*;`.
//!
//! Includes serde's traits with their derives, [`Uuid`], [`Arc`] and [`Duration`], which stand in nearly
//! every such module. Deriving serde's traits needs `serde` among your own dependencies.

pub use std::sync::Arc;
pub use std::time::Duration;

pub use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

pub use crate::app::App;
pub use crate::bus::{CommandBus, EventBus, ExecuteError, PublishError, QueryBus};
pub use crate::context::{Actor, Context, TenantId, TenantScope};
pub use crate::handler::{
    Batch, BatchEventHandler, BoxFuture, CommandHandler, EventHandler, HandlerError, HandlerResult,
    QueryHandler,
};
pub use crate::message::{AnyEvent, Command, Event, Published, Query};
pub use crate::modules;
pub use crate::payload::Changes;
pub use crate::services::Injectable;
pub use cqrs_macros::{
    Command, Event, Injectable, Query, command_handler, events_handler, query_handler,
};
