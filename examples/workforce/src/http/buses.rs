//! The way from a request into the application.

use cqrs_core::prelude::*;

use super::Problem;
use crate::failure::Failure;

/// The state of every route: commands and queries, and nothing of what is behind them.
#[derive(Debug, Clone)]
pub(crate) struct Buses {
    commands: CommandBus,
    queries: QueryBus,
}

impl Buses {
    pub(crate) fn of(app: &App) -> Self {
        Self { commands: app.commands().clone(), queries: app.queries().clone() }
    }

    pub(crate) async fn execute<C>(&self, ctx: &Context, command: C) -> Result<C::Output, Problem>
    where
        C: Command<Error = Failure>,
    {
        Ok(self.commands.execute(ctx, command).await?)
    }

    pub(crate) async fn ask<Q>(&self, ctx: &Context, query: Q) -> Result<Q::Output, Problem>
    where
        Q: Query<Error = Failure>,
    {
        Ok(self.queries.execute(ctx, query).await?)
    }
}
