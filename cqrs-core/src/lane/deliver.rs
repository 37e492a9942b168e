//! One attempt to deliver what a worker has taken: one event, or a batch.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashSet;
use tracing::Instrument as _;

use super::Lane;
use super::attempt::{Handles, inside_middleware, run};
use super::breaker::Counted;
use super::outcome::{Outcome, Taken};
use super::verdict::{comes_again, counted};
use crate::context::{Context, WorkGuard};
use crate::handler::{AttemptError, BoxFuture, DeliveryError, HandlerError, Item};
use crate::message::{AnyEvent, MessageKind};
use crate::middleware::{Call, Message, Payload};
use crate::observe::Observed;

/// What a worker uses for one attempt after another, so that an attempt allocates little.
#[derive(Default)]
pub(super) struct Buffers {
    /// What the worker has taken.
    pub(super) taken: Vec<Taken>,
    /// What the attempt made of each.
    pub(super) outcomes: Vec<Outcome>,
    works: Vec<WorkGuard>,
    items: Arc<Vec<Item>>,
}

/// Runs the lane's handler once for what was taken, at least one delivery, with all middleware around it.
/// Writes the outcomes, and returns what the circuit breaker counts; `None` when the application stopped
/// meanwhile.
///
/// What the handler published is sent for the deliveries that were handled, and dropped for the others.
///
/// Dropping the returned future cancels the handler.
pub(super) async fn deliver(lane: &Lane, buffers: &mut Buffers) -> Option<Counted> {
    let Buffers { taken, outcomes, works, items } = buffers;
    works.clear();
    let list = Arc::make_mut(items);
    for Taken { event, attempt, .. } in &*taken {
        let (lifecycle, timeout) = (&lane.shared.lifecycle, lane.options.timeout);
        let ctx = event.context();
        let (context, work) = ctx.for_attempt(lifecycle, event.name(), *attempt, timeout);
        works.push(work);
        let failure = OnceLock::new();
        list.push(Item { event: event.clone(), context, failure });
    }
    let (batch, mut observed) = match (lane.batch, &mut list[..]) {
        (None, [item]) => (None, Observed::deliver(&item.event, &lane.name, &mut item.context)),
        (_, items) => {
            let (mut ctx, work) = context_of(lane, items);
            let observed = Observed::deliver_batch(items, &lane.name, &mut ctx);
            (Some((ctx, work)), observed)
        }
    };

    let handling = Handling { lane, route: taken[0].route, items, alone: OnceLock::new() };
    let ctx = batch.as_ref().map_or(&items[0].context, |(ctx, _)| ctx);
    // Pinned here, since moving it into the span would copy it.
    let result = pin!(handling.attempt(ctx)).instrument(observed.span()).await;
    let is_stopped = || lane.shared.lifecycle.is_stopped();
    // A middleware may say the same of something else.
    if matches!(result, Err(AttemptError::ShutDown)) && is_stopped() {
        return None;
    }
    let error_type = result.as_ref().err().map(AttemptError::error_type);
    let is_ok = result.is_ok();
    handling.write_outcomes(&result, outcomes);
    let counted = counted(outcomes, &lane.options);
    keep_order(lane, taken, outcomes);
    observed.end_batch(error_type, outcomes.iter().map(Outcome::error_type));

    for (outcome, work) in outcomes.iter().zip(works.drain(..)) {
        if matches!(outcome, Outcome::Handled) {
            work.succeed();
        }
    }
    if let Some((_, Some(work))) = batch
        && is_ok
    {
        work.succeed();
    }
    // A worker without work keeps no event.
    Arc::make_mut(items).clear();
    // If the application has stopped, what was published may have been refused.
    (!is_stopped()).then_some(counted)
}

/// The context of a batch: for one event its own, for several one of their tenant or, across tenants, of
/// the system scope.
fn context_of(lane: &Lane, items: &[Item]) -> (Context, Option<WorkGuard>) {
    let ctx = match items {
        [item] if !lane.is_across_tenants() => return (item.context.clone(), None),
        [item, ..] if !lane.is_across_tenants() => Context::new(item.context.tenant().clone()),
        _ => Context::system(),
    };
    let attempt = items.iter().map(|item| item.context.attempt()).max().unwrap_or(1);
    let event = items.first().map_or("", |item| item.event.name());
    let (lifecycle, timeout) = (&lane.shared.lifecycle, lane.options.timeout);
    let (ctx, work) = ctx.for_attempt(lifecycle, event, attempt, timeout);
    (ctx, Some(work))
}

/// Later events of an order key wait behind an earlier one of the same batch that comes again.
fn keep_order(lane: &Lane, taken: &[Taken], outcomes: &mut [Outcome]) {
    if taken.len() == 1 {
        return;
    }
    let mut held = FxHashSet::default();
    for (taken, outcome) in taken.iter().zip(outcomes) {
        let Some(order) = taken.order else { continue };
        if matches!(outcome, Outcome::Handled) && held.contains(&order) {
            *outcome = Outcome::Behind;
        }
        if comes_again(outcome, &lane.options, taken.attempt) {
            held.insert(order);
        }
    }
}

/// The handler of one attempt.
struct Handling<'a> {
    lane: &'a Lane,
    route: usize,
    items: &'a Arc<Vec<Item>>,
    /// The only item again, if a middleware has changed its context.
    alone: OnceLock<Arc<Vec<Item>>>,
}

impl Handling<'_> {
    async fn attempt(&self, ctx: &Context) -> Result<(), DeliveryError> {
        if self.lane.shared.middlewares.is_empty() {
            return self.run(self.items, ctx).await;
        }
        let events: Vec<AnyEvent> = self.items.iter().map(|item| item.event.clone()).collect();
        let message = Message {
            kind: MessageKind::Event,
            name: events[0].name(),
            handler: &self.lane.name,
            payload: Payload::Events(&events),
        };
        // Boxed, so that the future of an attempt without middleware is small.
        Box::pin(inside_middleware(&self.lane.shared, message, ctx.clone(), self)).await
    }

    async fn run(&self, items: &Arc<Vec<Item>>, ctx: &Context) -> Result<(), DeliveryError> {
        let handler = &self.lane.routes[self.route];
        let timed_out = || self.lane.options.timeout.unwrap_or_default();
        let start = || ctx.clone().into_scope(handler(items, ctx));
        let ran = run(&self.lane.shared, ctx, timed_out, start).await;
        ran.map_err(|error| error.or_else(|error| AttemptError::Failed(Arc::new(error))))?;
        let mut failures = items.iter().map(|item| item.failure.get());
        match failures.next().flatten() {
            Some(first) if failures.all(|it| it.is_some()) => {
                Err(AttemptError::Failed(Arc::clone(first)))
            }
            _ => Ok(()),
        }
    }

    fn write_outcomes(&self, result: &Result<(), DeliveryError>, outcomes: &mut Vec<Outcome>) {
        let items = self.alone.get().unwrap_or(self.items);
        outcomes.clear();
        outcomes.extend(items.iter().map(|item| match (item.failure.get(), result) {
            (Some(error), _) => Outcome::Failed(AttemptError::Failed(Arc::clone(error))),
            (None, Ok(())) => Outcome::Handled,
            (None, Err(error)) if items.len() == 1 => Outcome::Failed(error.clone()),
            (None, Err(error)) => Outcome::FailedTogether(error.clone()),
        }));
    }
}

impl Handles for Handling<'_> {
    type Output = ();
    type Error = Arc<HandlerError>;

    fn handle<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let ctx = call.context();
            let items = match &self.items[..] {
                [item] if !self.lane.is_across_tenants() => self.alone.get_or_init(|| {
                    let failure = OnceLock::new();
                    let (event, context) = (item.event.clone(), ctx.clone());
                    Arc::new(vec![Item { event, context, failure }])
                }),
                _ => self.items,
            };
            self.run(items, ctx).await
        })
    }

    /// A middleware may say itself that an event was handled.
    fn answer(&self) -> Option<()> {
        Some(())
    }
}
