//! Routes of commands and queries: from a message's type to its one handler.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use super::event_route::{AnyHandler, NO_TRANSACTION, typed};
use super::keyed::Keyed;
use super::retried::{Failed, RetriedFn, RetryWhen, attempts};
use super::{MessageRegistration, Source};
use crate::context::Context;
use crate::handler::{
    AttemptError, CommandHandler, ErasedExecution, QueryHandler, Rejection, RetryPolicy,
    StreamQueryHandler, TransactionalCommandHandler, Transactions, rows,
    typed as typed_transaction,
};
use crate::message::{Command, MessageError as _, Query, StreamQuery};
use crate::services::TypeRef;

/// Gives the [`ErasedExecution`] of a message in a box.
type Erase = fn(AnyHandler, Means<'_>) -> Box<dyn Any + Send + Sync>;

/// What an execution may need: transactions and retries.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    /// The transactions, if the handler is transactional.
    pub(crate) transactions: Option<&'a Arc<dyn Transactions>>,
    /// The retry policy, if the command is attempted again.
    pub(crate) retry: RetryPolicy,
    /// After which errors.
    pub(crate) when: RetryWhen,
}

/// One command or query to its handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecutionRoute {
    pub(crate) message: MessageRegistration,
    pub(crate) erase: Erase,
    /// After which errors the command is attempted again; `None` if it never is.
    pub(crate) retry: Option<RetryWhen>,
    /// The type of the transaction that the handler writes in.
    pub(crate) transaction: Option<fn() -> TypeRef>,
}

impl ExecutionRoute {
    /// The command `C` to `H`.
    pub(super) const fn command<H: CommandHandler<C>, C: Command>() -> Self {
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase: |handler, _| {
                erased(handler, |handler: Arc<H>, command: C, ctx| async move {
                    handler.execute(command, &ctx).await.map_err(AttemptError::Failed)
                })
            },
            retry: None,
            transaction: None,
        }
    }

    /// The command `C` to `H`, attempted again after some errors.
    pub(super) const fn retried<H, C>(when: RetryWhen) -> Self
    where
        H: CommandHandler<C>,
        C: Command + Clone,
    {
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase: retried::<H, C>,
            retry: Some(when),
            transaction: None,
        }
    }

    /// The command `C` to `H`, in a transaction.
    pub(super) const fn transactional<H: TransactionalCommandHandler<C>, C: Command>() -> Self {
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase: in_transaction::<H, C>,
            retry: None,
            transaction: Some(TypeRef::of::<H::Transaction>),
        }
    }

    /// The command `C` to `H`, in a transaction, and in a new one after some errors.
    pub(super) const fn retried_in_transactions<H, C>(when: RetryWhen) -> Self
    where
        H: TransactionalCommandHandler<C>,
        C: Command + Clone,
    {
        Self { erase: in_transactions::<H, C>, retry: Some(when), ..Self::transactional::<H, C>() }
    }

    /// The query `Q` to `H`.
    pub(super) const fn query<H: QueryHandler<Q>, Q: Query>() -> Self {
        Self {
            message: MessageRegistration::query::<Q>(Source::UNKNOWN),
            erase: |handler, _| {
                erased(handler, |handler: Arc<H>, query: Q, ctx| async move {
                    handler.execute(query, &ctx).await.map_err(AttemptError::Failed)
                })
            },
            retry: None,
            transaction: None,
        }
    }

    /// The query `Q`, whose answer is a stream, to `H`.
    pub(super) const fn stream<H: StreamQueryHandler<Q>, Q: StreamQuery>() -> Self {
        Self {
            message: MessageRegistration::stream_query::<Q>(Source::UNKNOWN),
            erase: |handler, _| {
                erased(handler, |handler: Arc<H>, query: Q, ctx| async move {
                    let mut rows = rows().ok_or_else(|| unavailable("nothing reads its rows"))?;
                    handler.stream(query, &mut rows, &ctx).await.map_err(AttemptError::Failed)
                })
            },
            retry: None,
            transaction: None,
        }
    }

    /// `message`, an `M`, to the closure `F`.
    pub(super) const fn closure<M, F, Fut, T, E>(message: MessageRegistration) -> Self
    where
        M: Send + 'static,
        F: Fn(M, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: 'static,
        E: 'static,
    {
        let erase = |handler, _: Means<'_>| {
            erased(handler, |handler: Arc<F>, message: M, ctx| async move {
                handler(message, ctx).await.map_err(AttemptError::Failed)
            })
        };
        Self { message, erase, retry: None, transaction: None }
    }

    /// The command `C` to the closure `F`, attempted again after some errors.
    pub(super) const fn retried_closure<C, F, Fut>() -> Self
    where
        C: Command + Clone,
        F: Fn(C, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Output, C::Error>> + Send + 'static,
    {
        let erase = |handler, Means { retry, .. }: Means<'_>| {
            erased(handler, move |handler: Arc<RetriedFn<C, F>>, command: C, ctx| {
                let once = move |command, ctx| {
                    let (executing, when) = ((handler.execute)(command, ctx), handler.when);
                    async move {
                        executing.await.map_err(|error| Failed {
                            can_be_repeated: when(&error),
                            error: AttemptError::Failed(error),
                        })
                    }
                };
                attempts(retry, command, ctx, once)
            })
        };
        Self {
            message: MessageRegistration::command::<C>(Source::UNKNOWN),
            erase,
            retry: Some(RetryWhen::new::<C>(None)),
            transaction: None,
        }
    }
}

/// `execute` runs with the message's context as the current one.
fn erased<H, M, Fut, T, E>(
    handler: AnyHandler,
    execute: impl Fn(Arc<H>, M, Context) -> Fut + Send + Sync + 'static,
) -> Box<dyn Any + Send + Sync>
where
    H: Send + Sync + 'static,
    M: Send + 'static,
    Fut: Future<Output = Result<T, AttemptError<E>>> + Send + 'static,
    T: 'static,
    E: 'static,
{
    let handler = typed::<H>(handler);
    let execution: ErasedExecution<M, T, E> = Arc::new(move |message, ctx: Context| {
        let scope = ctx.clone();
        Box::pin(scope.into_scope(execute(Arc::clone(&handler), message, ctx)))
    });
    Box::new(execution)
}

/// The execution of the command, repeated after errors that are accepted.
fn retried<H: CommandHandler<C>, C: Command + Clone>(
    handler: AnyHandler,
    Means { retry, when, .. }: Means<'_>,
) -> Box<dyn Any + Send + Sync> {
    erased(handler, move |handler: Arc<H>, command: C, ctx| {
        let once = move |command, ctx: Context| {
            let handler = Arc::clone(&handler);
            async move {
                handler.execute(command, &ctx).await.map_err(|error| Failed {
                    can_be_repeated: when.accepts::<C>(&error),
                    error: AttemptError::Failed(error),
                })
            }
        };
        attempts(retry, command, ctx, once)
    })
}

/// The command's execution in a transaction, which commits what the handler published with it.
fn in_transaction<H: TransactionalCommandHandler<C>, C: Command>(
    handler: AnyHandler,
    Means { transactions, when, .. }: Means<'_>,
) -> Box<dyn Any + Send + Sync> {
    let transactions = transactions.cloned();
    erased(handler, move |handler: Arc<H>, command: C, ctx| {
        let executed = once_in_transaction(handler, transactions.clone(), when, command, ctx);
        async { executed.await.map_err(|failed| failed.error) }
    })
}

/// As [`in_transaction`], repeated in a new transaction after errors that are accepted, and if the transaction cannot begin
/// or is rolled back because of a conflict.
fn in_transactions<H: TransactionalCommandHandler<C>, C: Command + Clone>(
    handler: AnyHandler,
    Means { transactions, retry, when }: Means<'_>,
) -> Box<dyn Any + Send + Sync> {
    let transactions = transactions.cloned();
    erased(handler, move |handler: Arc<H>, command: C, ctx| {
        let transactions = transactions.clone();
        let once = move |command, ctx| {
            once_in_transaction(Arc::clone(&handler), transactions.clone(), when, command, ctx)
        };
        attempts(retry, command, ctx, once)
    })
}

async fn once_in_transaction<H: TransactionalCommandHandler<C>, C: Command>(
    handler: Arc<H>,
    transactions: Option<Arc<dyn Transactions>>,
    when: RetryWhen,
    command: C,
    ctx: Context,
) -> Result<C::Output, Failed<C::Error>> {
    let failed = |error, can_be_repeated| Failed { error, can_be_repeated };
    let Some(transactions) = transactions else {
        return Err(failed(unavailable(NO_TRANSACTION), false));
    };
    // Before the commit, the transaction has had no effect.
    let rolled_back = |error| failed(unavailable(error), true);
    let refused = |rejection: Rejection| failed(rejection.into(), false);
    let keyed = Keyed::of(&command, &ctx).map_err(refused)?;
    let mut tx = transactions.begin(ctx.tenant_id()).await.map_err(rolled_back)?;
    if let Some(keyed) = &keyed
        && let Some(executed) = tx.claim_key(keyed.key()).await.map_err(rolled_back)?
    {
        return keyed.output_of(&executed).map_err(refused);
    }
    let typed = typed_transaction(tx.transaction());
    let output = handler.execute(command, typed, &ctx).await.map_err(|error| {
        let is_conflict = || transactions.is_conflict(error.as_error());
        let can_be_repeated = when.accepts::<C>(&error) || is_conflict();
        failed(AttemptError::Failed(error), can_be_repeated)
    })?;
    if let Some(keyed) = &keyed {
        let written = keyed.write(&output).map_err(refused)?;
        tx.store_output(keyed.key(), &written).await.map_err(rolled_back)?;
    }
    tx.publish(ctx.take_effects()).await.map_err(rolled_back)?;
    tx.commit().await.map_err(|error| {
        let is_conflict = transactions.is_conflict(error.as_error());
        failed(unavailable(error), is_conflict)
    })?;
    Ok(output)
}

fn unavailable<E>(error: impl std::fmt::Display) -> AttemptError<E> {
    AttemptError::Rejected(Rejection::unavailable(error.to_string()))
}
