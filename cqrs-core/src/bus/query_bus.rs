//! Executing queries.

use std::sync::{Arc, Weak};

use super::execute::Description;
use super::{ExecuteError, Executors};
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
    pub async fn execute<Q: Query>(
        &self,
        ctx: &Context,
        query: Q,
    ) -> Result<Q::Output, ExecuteError<Q::Error>> {
        let executors = self.0.upgrade().ok_or(ExecuteError::ShutDown { message: Q::NAME })?;
        let description = Description {
            kind: MessageKind::Query,
            name: Q::NAME,
            type_ref: TypeRef::of::<Q>(),
            requires: Q::REQUIRES,
        };
        executors.execute::<_, Q::Output, Q::Error>(description, ctx, query).await
    }
}
