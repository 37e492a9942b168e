//! Executing queries.

use std::sync::{Arc, Weak};

use super::execute::Description;
use super::{ExecuteError, Executors};
use crate::context::Context;
use crate::message::MessageKind;
use crate::message::Query;
use crate::services::TypeRef;

/// Executes queries, each by its one handler. Injectable; cloning is cheap.
///
/// A bus does not keep its application alive: once the last [`App`](crate::App) is dropped or shut
/// down, executing is refused.
#[derive(Debug, Clone)]
pub struct QueryBus(Weak<QueryExecutors>);

/// The handlers of queries.
pub(crate) type QueryExecutors = Executors<QueryBus>;

impl QueryBus {
    pub(crate) fn new(executors: &Arc<QueryExecutors>) -> Self {
        Self(Arc::downgrade(executors))
    }

    /// Asks `query` and returns its handler's answer.
    ///
    /// The handler runs in the calling task, with a context of its own that names `ctx`'s message as its
    /// cause. Its time is limited by its time-out and by `ctx`'s deadline, whichever is earlier.
    ///
    /// Dropping the returned future cancels the handler at its next `.await`.
    ///
    /// # Errors
    ///
    /// [`ExecuteError::Handler`] with the handler's own error; otherwise what kept the handler from
    /// giving a result.
    pub async fn execute<Q: Query>(
        &self,
        ctx: &Context,
        query: Q,
    ) -> Result<Q::Output, ExecuteError<Q::Error>> {
        let executors = self.0.upgrade().ok_or(ExecuteError::ShutDown { message: Q::NAME })?;
        let description =
            Description { kind: MessageKind::Query, name: Q::NAME, type_ref: TypeRef::of::<Q>() };
        executors.execute::<_, Q::Output, Q::Error>(description, ctx, query).await
    }
}
