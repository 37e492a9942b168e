//! One attempt to deliver what a worker has taken: one event, or a batch.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Instrument as _;

use super::attempt::{Handles, inside_middleware, run};
use super::outcome::{Outcome, keep_order};
use super::{Delivery, Lane, Receipt};
use crate::context::{Context, Effect, WorkGuard};
use crate::handler::{AttemptError, BoxFuture, DeliveryError, HandlerError, Item, Transactions};
use crate::message::{AnyEvent, MessageKind};
use crate::middleware::{Call, Message, Payload};
use crate::observe::Observed;
use crate::schedule::Step;

/// What a worker has taken, and what became of it. A worker uses it again and again, so that an attempt
/// allocates little.
#[derive(Default)]
pub(super) struct Taken {
    /// Which of the handler's events they are.
    pub(super) route: usize,
    /// Shared with the batch that a handler gets.
    pub(super) items: Arc<Vec<Item>>,
    /// One for each item, after the attempt.
    pub(super) outcomes: Vec<Outcome>,
    /// The deliveries that are done or dead, with their index.
    pub(super) finished: Vec<(usize, Delivery)>,
}

impl Taken {
    pub(super) fn items_mut(&mut self) -> &mut Vec<Item> {
        Arc::get_mut(&mut self.items).expect("no handler is running")
    }

    pub(super) fn clear(&mut self) {
        self.outcomes.clear();
        self.finished.clear();
        self.items_mut().clear();
    }
}

/// Runs the lane's handler once for what was taken, at least one delivery, with all middleware around it.
/// Writes the outcomes; returns `false` when the application stopped meanwhile.
///
/// What the handler published is sent for the deliveries that were handled, and dropped for the others.
///
/// Dropping the returned future cancels the handler.
pub(super) async fn deliver(lane: &Lane, worker: usize, taken: &mut Taken) -> bool {
    let lifecycle = &lane.shared.lifecycle;
    let deadline = lane.options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let items = taken.items_mut();
    for Item { event, context, attempt, work, .. } in &mut *items {
        *work = Some(context.begin_attempt(lifecycle, event.name(), *attempt, deadline));
    }
    let (mut batch, mut batch_work) = (None, None);
    let mut observed = match (lane.batch, &mut items[..]) {
        (None, [item]) => Observed::deliver(&item.event, &lane.name, &mut item.context),
        (_, items) => {
            let mut ctx = context_of(lane, items);
            // The context of a single event has its work already.
            if items.len() > 1 || lane.is_across_tenants() {
                let attempt = items.iter().map(|item| item.attempt).max().unwrap_or(1);
                let event = items[0].event.name();
                batch_work = Some(ctx.begin_attempt(lifecycle, event, attempt, deadline));
            }
            let observed = Observed::deliver_batch(items, &lane.name, &mut ctx);
            batch = Some(ctx);
            observed
        }
    };

    if lane.shared.observer.is_some() {
        let works = taken.items.iter().filter_map(|item| item.work.as_ref());
        works.chain(&batch_work).for_each(|work| work.name_handler(&lane.name));
    }
    let handling = Handling { lane, worker, route: taken.route, items: &taken.items };
    let ctx = batch.as_ref().unwrap_or(&taken.items[0].context);
    // Pinned here, since moving it into the span would copy it.
    let result = pin!(handling.attempt(ctx)).instrument(observed.span()).await;
    // A middleware may say the same of something else.
    if matches!(result, Err(AttemptError::ShutDown)) && lifecycle.is_stopped() {
        return false;
    }
    taken.outcomes.extend(taken.items.iter().map(|item| {
        let marked = item.failure.get().map(|error| AttemptError::Failed(Arc::clone(error)));
        match (marked, &result) {
            (Some(error), _) => Outcome::failed(lane, error, item.attempt),
            (None, Ok(())) => Outcome::HANDLED,
            (None, Err(error)) if taken.items.len() == 1 => {
                Outcome::failed(lane, error.clone(), item.attempt)
            }
            (None, Err(error)) => Outcome::failed_together(lane, error.clone()),
        }
    }));
    keep_order(lane, &taken.items, &mut taken.outcomes);
    let error_type = result.as_ref().err().map(AttemptError::error_type);
    observed.end_batch(error_type, taken.outcomes.iter().map(Outcome::error_type));

    let is_handled = |outcome: &Outcome| outcome.error.is_none() && outcome.step == Step::Finish;
    let items = Arc::get_mut(&mut taken.items).expect("the handler has ended");
    // What was published for the batch as a whole is an effect of its last event that is handled.
    let batch_work = batch_work.filter(|_| result.is_ok());
    let last = batch_work.as_ref().and_then(|_| taken.outcomes.iter().rposition(is_handled));
    let mut of_batch = batch_work.map(WorkGuard::succeed).unwrap_or_default();
    for (at, (item, outcome)) in items.iter_mut().zip(&taken.outcomes).enumerate() {
        let Some(work) = item.work.take() else { continue };
        if !is_handled(outcome) {
            continue;
        }
        let mut effects = work.succeed();
        if last == Some(at) {
            effects.append(&mut of_batch);
        }
        if !effects.is_empty() {
            publish(lane, worker, at, item, effects);
        }
    }
    // If the application has stopped, what was published may have been refused.
    !lifecycle.is_stopped()
}

/// Carries out what a handler has deferred.
fn publish(lane: &Lane, worker: usize, at: usize, item: &Item, effects: Vec<Box<dyn Effect>>) {
    if let Some(Receipt { origin, token }) = lane.receipt(worker, at) {
        origin.publish(&item.event, token, effects);
    }
}

/// The context of a batch: for one event its own, for several one of their tenant or, across tenants, of
/// the system scope.
fn context_of(lane: &Lane, items: &[Item]) -> Context {
    match items {
        _ if lane.is_across_tenants() => Context::system(),
        [item] => item.context.clone(),
        items => Context::new(items[0].context.tenant().clone()),
    }
}

/// The handler of one attempt.
struct Handling<'a> {
    lane: &'a Lane,
    worker: usize,
    route: usize,
    items: &'a Arc<Vec<Item>>,
}

impl Handling<'_> {
    async fn attempt(&self, ctx: &Context) -> Result<(), DeliveryError> {
        if self.lane.shared.middlewares.is_empty() {
            return self.run(ctx).await;
        }
        let events: Vec<AnyEvent> = self.items.iter().map(|item| item.event.clone()).collect();
        let message = Message {
            kind: MessageKind::Event,
            name: events[0].name(),
            handler: &self.lane.name,
            requires: None,
            is_cascade: true,
            payload: Payload::Events(&events),
        };
        // Boxed, so that the future of an attempt without middleware is small.
        Box::pin(inside_middleware(&self.lane.shared, message, ctx.clone(), self)).await
    }

    async fn run(&self, ctx: &Context) -> Result<(), DeliveryError> {
        let handler = &self.lane.routes[self.route];
        let timed_out = || self.lane.options.timeout.unwrap_or_default();
        let shared = &self.lane.shared;
        let ran = match &self.lane.transactions {
            None => run(shared, ctx, timed_out, || handler(self.items, ctx, None)).await,
            Some(transactions) => {
                let start = || self.in_transaction(&**transactions, ctx);
                Box::pin(run(shared, ctx, timed_out, start)).await
            }
        };
        ran.map_err(|error| error.or_else(|error| AttemptError::Failed(Arc::new(error))))?;
        let mut failures = self.items.iter().map(|item| item.failure.get());
        match failures.next().flatten() {
            Some(first) if failures.all(|it| it.is_some()) => {
                Err(AttemptError::Failed(Arc::clone(first)))
            }
            _ => Ok(()),
        }
    }
}

impl Handling<'_> {
    /// Handles the items in a transaction, which commits what they have published, and that they are handled. If an
    /// item is marked as failed, nothing is committed.
    async fn in_transaction(
        &self,
        transactions: &dyn Transactions,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let mut tx = transactions.begin(ctx.tenant_id()).await?;
        self.lane.routes[self.route](self.items, ctx, Some(tx.transaction())).await?;
        if self.items.iter().any(|item| item.failure.get().is_some()) {
            return Err(HandlerError::new(
                "another event of the batch failed, so nothing was committed",
            ));
        }
        let contexts = self.items.iter().map(|item| &item.context).chain([ctx]);
        tx.publish(contexts.flat_map(Context::take_effects).collect()).await?;
        let deliveries = self.items.iter().enumerate().filter_map(|(at, item)| {
            let Receipt { origin, token } = self.lane.receipt(self.worker, at)?;
            Some((origin as _, token, item.event.id()))
        });
        if tx.done(deliveries.collect()).await? {
            return tx.commit().await;
        }
        match self.items.len() {
            1 => Ok(()),
            _ => Err(HandlerError::new("an event of the batch was handled before")),
        }
    }
}

impl Handles for Handling<'_> {
    type Output = ();
    type Error = Arc<HandlerError>;

    fn handle<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let ctx = call.context();
            if let [item] = &self.items[..]
                && !self.lane.is_across_tenants()
            {
                let _ = item.changed.set(ctx.clone());
            }
            self.run(ctx).await
        })
    }

    /// A middleware may say itself that an event was handled.
    fn answer(&self) -> Option<()> {
        Some(())
    }
}
