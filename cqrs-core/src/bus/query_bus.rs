//! Executing queries.

use std::sync::{Arc, Weak};

use super::execute::Description;
use super::{Begun, BusFuture, ExecuteError, ExecuteFuture, Executors};
use crate::context::Context;
use crate::message::{MessageKind, Query};
use crate::services::TypeRef;

/// Executes queries, each by its one handler; otherwise as the [`CommandBus`](super::CommandBus).
#[derive(Debug, Clone)]
pub struct QueryBus(pub(super) Weak<QueryExecutors>);

/// The handlers of queries.
pub(crate) type QueryExecutors = Executors<QueryBus>;

impl QueryBus {
    pub(crate) fn new(executors: &Arc<QueryExecutors>) -> Self {
        Self(Arc::downgrade(executors))
    }

    /// Asks `query` and returns its handler's answer.
    ///
    /// As [`CommandBus::execute`](super::CommandBus::execute), but dropping the returned future cancels the
    /// handler at its next `.await`.
    ///
    /// # Errors
    ///
    /// As [`CommandBus::execute`](super::CommandBus::execute).
    pub fn execute<'a, Q: Query>(
        &'a self,
        ctx: &'a Context,
        query: Q,
    ) -> ExecuteFuture<'a, Self, Q, Q::Output, Q::Error> {
        BusFuture::new(self, ctx, query, |bus, ctx, query, cx| {
            let Some(executors) = bus.0.upgrade() else {
                return Begun::Ended(Err(ExecuteError::ShutDown { message: Q::NAME }));
            };
            let description = Description {
                kind: MessageKind::Query,
                name: Q::NAME,
                type_ref: TypeRef::of::<Q>(),
                requires: Q::REQUIRES,
            };
            executors.execute(description, ctx, query, cx)
        })
    }
}
