//! Routes: from a message's type to its handler.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use super::retried::{Failed, RetryWhen, attempts};
use super::{Cast, EventAlias, MessageRegistration, Source};
use crate::context::Context;
use crate::handler::{
    AttemptError, Batch, BatchEventHandler, CommandHandler, ErasedEventHandler, ErasedExecution,
    EventHandler, HandlerError, HandlerResult, QueryHandler, Rejection, RetryPolicy,
    StreamQueryHandler, TransactionalBatchEventHandler, TransactionalCommandHandler,
    TransactionalEventHandler, Transactions, rows, typed as typed_transaction,
};
use crate::message::{AnyEvent, Command, Event, MessageError as _, Published, Query, StreamQuery};
use crate::services::TypeRef;

/// A handler without its type. A route knows the type, and belongs to no other handler.
pub(crate) type AnyHandler = Arc<dyn Any + Send + Sync>;

/// The handler that a route is for.
fn typed<H: Send + Sync + 'static>(handler: AnyHandler) -> Arc<H> {
    handler.downcast().expect("a handler is registered with its own routes")
}

/// One event, every event, or the events of a trait, to one handler.
#[derive(Debug, Clone, Copy)]
pub struct EventRoute {
    /// `None` for every event.
    pub(crate) event: Option<MessageRegistration>,
    /// The trait object, as long as the events that have it as an alias are not known.
    pub(crate) alias: Option<fn() -> TypeRef>,
    erase: EraseEvent,
    /// The type of the transaction that the handler writes in.
    pub(crate) transaction: Option<fn() -> TypeRef>,
}

/// How a handler loses its type.
#[derive(Debug, Clone, Copy)]
enum EraseEvent {
    Typed(fn(AnyHandler) -> ErasedEventHandler),
    /// The handler takes a trait object, which the [`Cast`] of the event's alias makes.
    Alias {
        erase: fn(AnyHandler, &'static (dyn Any + Send + Sync)) -> ErasedEventHandler,
        cast: Option<&'static (dyn Any + Send + Sync)>,
    },
}

impl EventRoute {
    /// The route of `E` to `H`.
    pub const fn to<H: EventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(one_by_one::<H, E>)
    }

    /// The route of every event to `H`.
    pub const fn any<H: EventHandler<AnyEvent>>() -> Self {
        Self::of_any(one_by_one::<H, AnyEvent>)
    }

    /// The route of the events that have the alias `T`, a trait object, to `H`.
    pub const fn alias<H: EventHandler<T>, T: ?Sized + Send + Sync + 'static>() -> Self {
        Self::of_alias::<T>(one_as::<H, T>)
    }

    const fn of_alias<T: ?Sized + 'static>(
        erase: fn(AnyHandler, &'static (dyn Any + Send + Sync)) -> ErasedEventHandler,
    ) -> Self {
        let erase = EraseEvent::Alias { erase, cast: None };
        Self { event: None, alias: Some(TypeRef::of::<T>), erase, transaction: None }
    }

    /// The route of one event of a trait.
    pub(crate) fn of_event(self, event: MessageRegistration, alias: &EventAlias) -> Self {
        let erase = match self.erase {
            EraseEvent::Alias { erase, .. } => EraseEvent::Alias { erase, cast: Some(alias.cast) },
            typed @ EraseEvent::Typed(_) => typed,
        };
        Self { event: Some(event), alias: None, erase, ..self }
    }

    /// The handler without its type; `None` if the events of its trait are not known.
    pub(crate) fn erased(&self, handler: AnyHandler) -> Option<ErasedEventHandler> {
        match self.erase {
            EraseEvent::Typed(erase) => Some(erase(handler)),
            EraseEvent::Alias { erase, cast } => Some(erase(handler, cast?)),
        }
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H: BatchEventHandler<E>, E: Event>() -> Self {
        Self::of::<E>(in_batches::<H, E>)
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H: BatchEventHandler<AnyEvent>>() -> Self {
        Self::of_any(in_batches::<H, AnyEvent>)
    }

    /// `E` to the closure `F`.
    pub(super) const fn closure<E, F, Fut>() -> Self
    where
        E: Event,
        F: Fn(Published<E>, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        Self::of::<E>(|handler| {
            let handler = typed::<F>(handler);
            Arc::new(move |items, ctx, _| {
                let event = items[0].event.clone().downcast();
                let event = event.expect("events are routed by their type");
                Box::pin(ctx.clone().into_scope(handler(event, ctx.clone())))
            })
        })
    }

    const fn of<E: Event>(erase: fn(AnyHandler) -> ErasedEventHandler) -> Self {
        let event = MessageRegistration::event::<E>(Source::UNKNOWN);
        Self { event: Some(event), alias: None, erase: EraseEvent::Typed(erase), transaction: None }
    }

    const fn of_any(erase: fn(AnyHandler) -> ErasedEventHandler) -> Self {
        Self { event: None, alias: None, erase: EraseEvent::Typed(erase), transaction: None }
    }
}

/// As [`EventRoute`], to a handler that writes in a transaction of type `T`.
#[derive(Debug)]
pub struct TransactionalRoute<T>(EventRoute, PhantomData<fn() -> T>);

impl<T: 'static> TransactionalRoute<T> {
    /// The route of `E` to `H`.
    pub const fn to<H: TransactionalEventHandler<E, Transaction = T>, E: Event>() -> Self {
        Self::new(EventRoute::of::<E>(one_in_transaction::<H, E>))
    }

    /// The route of every event to `H`.
    pub const fn any<H: TransactionalEventHandler<AnyEvent, Transaction = T>>() -> Self {
        Self::new(EventRoute::of_any(one_in_transaction::<H, AnyEvent>))
    }

    /// The route of the events that have the alias `E`, a trait object, to `H`.
    pub const fn alias<H, E: ?Sized + Send + Sync + 'static>() -> Self
    where
        H: TransactionalEventHandler<E, Transaction = T>,
    {
        Self::new(EventRoute::of_alias::<E>(one_as_in_transaction::<H, E>))
    }

    /// The route of batches of `E` to `H`.
    pub const fn batches_to<H, E>() -> Self
    where
        // First, so that the compiler reports a type that is no event as such.
        E: Event,
        H: TransactionalBatchEventHandler<E, Transaction = T>,
    {
        Self::new(EventRoute::of::<E>(batch_in_transaction::<H, E>))
    }

    /// The route of batches of every event to `H`.
    pub const fn batches_of_any<H>() -> Self
    where
        H: TransactionalBatchEventHandler<AnyEvent, Transaction = T>,
    {
        Self::new(EventRoute::of_any(batch_in_transaction::<H, AnyEvent>))
    }

    /// The routes of one handler, at least one. They have one `T`, because the handler has one store.
    pub const fn all<const N: usize>(routes: &[Self; N]) -> [EventRoute; N] {
        let mut all = [routes[0].0; N];
        let mut at = 1;
        while at < N {
            all[at] = routes[at].0;
            at += 1;
        }
        all
    }

    const fn new(route: EventRoute) -> Self {
        let transaction: fn() -> TypeRef = TypeRef::of::<T>;
        Self(EventRoute { transaction: Some(transaction), ..route }, PhantomData)
    }
}

impl<T> From<TransactionalRoute<T>> for EventRoute {
    fn from(TransactionalRoute(route, _): TransactionalRoute<T>) -> Self {
        route
    }
}

fn one_by_one<H: EventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle(items[0].event(), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

/// The function that makes the trait object `T`.
fn cast_of<T: ?Sized + 'static>(cast: &'static (dyn Any + Send + Sync)) -> &'static Cast<T> {
    cast.downcast_ref().expect("an alias has a cast to its own trait object")
}

fn one_as<H, T>(handler: AnyHandler, cast: &'static (dyn Any + Send + Sync)) -> ErasedEventHandler
where
    H: EventHandler<T>,
    T: ?Sized + Send + Sync + 'static,
{
    let (handler, cast) = (typed::<H>(handler), cast_of::<T>(cast));
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle(cast.apply(items[0].event.as_any()), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn one_as_in_transaction<H, T>(
    handler: AnyHandler,
    cast: &'static (dyn Any + Send + Sync),
) -> ErasedEventHandler
where
    H: TransactionalEventHandler<T>,
    T: ?Sized + Send + Sync + 'static,
{
    let (handler, cast) = (typed::<H>(handler), cast_of::<T>(cast));
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle(cast.apply(items[0].event.as_any()), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn in_batches<H: BatchEventHandler<E>, E: 'static>(handler: AnyHandler) -> ErasedEventHandler {
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, _| {
        let handler = Arc::clone(&handler);
        let handle = async move { handler.handle_batch(&Batch::new(items), ctx).await };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn one_in_transaction<H, E>(handler: AnyHandler) -> ErasedEventHandler
where
    H: TransactionalEventHandler<E>,
    E: 'static,
{
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle(items[0].event(), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

fn batch_in_transaction<H, E>(handler: AnyHandler) -> ErasedEventHandler
where
    H: TransactionalBatchEventHandler<E>,
    E: 'static,
{
    let handler = typed::<H>(handler);
    Arc::new(move |items, ctx, tx| {
        let handler = Arc::clone(&handler);
        let handle = async move {
            let tx = typed_transaction(tx.ok_or_else(|| HandlerError::msg(NO_TRANSACTION))?);
            handler.handle_batch(&Batch::new(items), tx, ctx).await
        };
        Box::pin(ctx.clone().into_scope(handle))
    })
}

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
    let mut tx = transactions.begin(ctx.tenant_id()).await.map_err(rolled_back)?;
    let typed = typed_transaction(tx.transaction());
    let output = handler.execute(command, typed, &ctx).await.map_err(|error| {
        let is_conflict = || transactions.is_conflict(error.as_error());
        let can_be_repeated = when.accepts::<C>(&error) || is_conflict();
        failed(AttemptError::Failed(error), can_be_repeated)
    })?;
    tx.publish(ctx.take_effects()).await.map_err(rolled_back)?;
    tx.commit().await.map_err(|error| {
        let is_conflict = transactions.is_conflict(error.as_error());
        failed(unavailable(error), is_conflict)
    })?;
    Ok(output)
}

/// What the wiring excludes.
const NO_TRANSACTION: &str = "the application has no store with transactions";

fn unavailable<E>(error: impl std::fmt::Display) -> AttemptError<E> {
    AttemptError::Rejected(Rejection::unavailable(error.to_string()))
}
