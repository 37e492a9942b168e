//! One attempt to handle a batch.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashSet;
use tracing::Instrument as _;

use super::attempt::{AttemptResult, inside_middleware, result_of};
use super::lane::Lane;
use super::queue::Turn;
use super::worker::longest_delay_after;
use crate::context::{Context, WorkGuard};
use crate::handler::DeliveryError;
use crate::handler::{BatchPolicy, BoxFuture, Item};
use crate::middleware::{Call, Innermost, Outcome};
use crate::observe::{Attempting, AttemptingBatch};
use crate::runtime::Caught;
use crate::runtime::limited;

/// What one attempt of a batch made of one of its deliveries.
pub(super) enum Tried {
    Handled,
    Failed(DeliveryError),
    /// The batch failed as a whole, and this delivery was not marked.
    Together(DeliveryError),
    /// One of its entity before it is to be tried again first, so it was not tried, or that does not count.
    Postponed,
}

/// What one attempt made of a batch.
pub(super) struct TriedBatch {
    /// In the order of the turns.
    pub(super) each: Vec<Tried>,
    /// Whether any was handled, also if that does not count.
    pub(super) any_handled: bool,
}

/// Runs the handler once for all `turns`, of which there is at least one. `None` when the application
/// stopped meanwhile.
///
/// Middleware runs first, for one delivery after the other: around all at once, one that lets only so
/// many in at a time would wait for itself. What it refuses, the handler never sees.
pub(super) async fn attempt_batch(
    lane: &Lane,
    policy: &BatchPolicy,
    turns: &[Turn],
) -> Option<TriedBatch> {
    let mut order = Order::default();
    let mut begun = Vec::with_capacity(turns.len());
    for turn in turns {
        let this = if order.is_held(turn) {
            Begun { attempting: None, _work: None, state: State::Ended(Tried::Postponed) }
        } else {
            Begun::begin(lane, turn).await?
        };
        if let State::Ended(tried) = &this.state {
            order.note(lane, turn, tried);
        }
        begun.push(this);
    }

    let admitted = turns.iter().zip(&mut begun).filter_map(|(turn, begun)| begun.item(turn));
    let items: Arc<[Item]> = admitted.collect();
    let result = match turns.first().filter(|_| !items.is_empty()) {
        Some(turn) => handle(lane, policy, turn, &items).await,
        None => Ok(()),
    };
    if let Err(DeliveryError::ShutDown) = result {
        return None;
    }

    let mut items = items.iter();
    let is_alone = items.len() == 1;
    let mut each: Vec<_> = begun
        .iter_mut()
        .map(|begun| match std::mem::replace(&mut begun.state, State::Admitted(None)) {
            State::Ended(tried) => tried,
            State::Admitted(_) => {
                let failure = items.next().and_then(|item| item.failure.get());
                match (failure, &result) {
                    (Some(error), _) => Tried::Failed(DeliveryError::Failed(Arc::clone(error))),
                    (None, Ok(())) => Tried::Handled,
                    (None, Err(error)) if is_alone => Tried::Failed(error.clone()),
                    (None, Err(error)) => Tried::Together(error.clone()),
                }
            }
        })
        .collect();

    let any_handled = each.iter().any(|tried| matches!(tried, Tried::Handled));
    let mut order = Order::default();
    for ((turn, tried), begun) in turns.iter().zip(&mut each).zip(begun) {
        if matches!(tried, Tried::Handled) && order.is_held(turn) {
            *tried = Tried::Postponed;
        }
        order.note(lane, turn, tried);
        if let Some(attempting) = begun.attempting {
            attempting.end(tried.error_type());
        }
    }
    Some(TriedBatch { each, any_handled })
}

impl Tried {
    fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Handled => None,
            Self::Failed(error) | Self::Together(error) => Some(error.error_type()),
            Self::Postponed => Some("postponed"),
        }
    }
}

/// One delivery of the batch, from its middleware to its end.
struct Begun {
    attempting: Option<Attempting>,
    /// The item's context counts as inside the delivery for as long.
    _work: Option<WorkGuard>,
    state: State,
}

enum State {
    /// On to the handler, with this context, which is taken then.
    Admitted(Option<Context>),
    /// Decided without the handler.
    Ended(Tried),
}

impl Begun {
    /// Runs the middleware. `None` when the application stopped meanwhile.
    async fn begin(lane: &Lane, turn: &Turn) -> Option<Self> {
        let lifecycle = &lane.engine.lifecycle;
        let timeout = lane.options.timeout;
        let (mut ctx, work) = turn.event.context().for_attempt(lifecycle, turn.attempt, timeout);
        let attempting = Attempting::begin(&turn.event, &lane.handler_name, &mut ctx);
        let state = if lane.engine.middlewares.is_empty() {
            State::Admitted(Some(ctx))
        } else {
            let admission = Admission::default();
            let around = inside_middleware(lane, turn, ctx, &admission);
            let result = around.instrument(attempting.span()).await;
            match result {
                Err(DeliveryError::ShutDown) => {
                    attempting.end(Some(DeliveryError::ShutDown.error_type()));
                    return None;
                }
                Err(error) => State::Ended(Tried::Failed(error)),
                Ok(()) => match admission.admitted() {
                    Some(ctx) => State::Admitted(Some(ctx)),
                    // A middleware has answered itself.
                    None => State::Ended(Tried::Handled),
                },
            }
        };
        Some(Self { attempting: Some(attempting), _work: Some(work), state })
    }

    fn item(&mut self, turn: &Turn) -> Option<Item> {
        let State::Admitted(context) = &mut self.state else { return None };
        let (event, attempt) = (turn.event.clone(), turn.attempt);
        Some(Item { event, context: context.take()?, attempt, failure: OnceLock::new() })
    }
}

/// The innermost of the middleware: notes with which context it was reached.
#[derive(Default)]
struct Admission(Mutex<Option<Context>>);

impl Admission {
    fn admitted(self) -> Option<Context> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Innermost for Admission {
    fn run<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Outcome> {
        let context = call.context().clone();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Runs the handler.
async fn handle(
    lane: &Lane,
    policy: &BatchPolicy,
    turn: &Turn,
    items: &Arc<[Item]>,
) -> AttemptResult {
    let lifecycle = &lane.engine.lifecycle;
    let (mut ctx, _work) = match &items[..] {
        // As for a handler of single events.
        [item] if !policy.is_across_tenants() => (item.context.clone(), None),
        items => {
            let ctx = match items {
                [item, ..] if !policy.is_across_tenants() => {
                    Context::new(item.context.tenant().clone())
                }
                _ => Context::system(),
            };
            let attempt = items.iter().map(|item| item.attempt).max().unwrap_or(1);
            let (ctx, work) = ctx.for_attempt(lifecycle, attempt, lane.options.timeout);
            (ctx, Some(work))
        }
    };
    let attempting = AttemptingBatch::begin(items, &lane.handler_name, &mut ctx);
    let handling = ctx
        .scope_exactly(async { Caught::new(|| turn.handler.handle_batch(items, &ctx)).await })
        .instrument(attempting.span());
    let handled = limited(pin!(handling), ctx.deadline(), lifecycle).await;
    let result = result_of(lane, handled);
    attempting.end(result.as_ref().err().map(DeliveryError::error_type));
    result
}

/// Which entities have a delivery that is to be tried again before their next ones.
#[derive(Default)]
struct Order(FxHashSet<u64>);

impl Order {
    fn is_held(&self, turn: &Turn) -> bool {
        turn.keys.entity.is_some_and(|entity| self.0.contains(&entity))
    }

    fn note(&mut self, lane: &Lane, turn: &Turn, tried: &Tried) {
        let comes_again = match tried {
            Tried::Handled => false,
            Tried::Failed(error) => longest_delay_after(lane, turn.attempt, error).is_some(),
            Tried::Together(_) | Tried::Postponed => true,
        };
        if comes_again {
            self.0.extend(turn.keys.entity);
        }
    }
}
