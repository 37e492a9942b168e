//! One attempt to handle an event.

use std::pin::pin;
use std::sync::Arc;

use tracing::Instrument as _;

use super::lane::Lane;
use super::queue::Turn;
use crate::context::Context;
use crate::handler::DeliveryError;
use crate::handler::{BoxFuture, HandlerResult};
use crate::message::MessageKind;
use crate::middleware::{Call, CallError, Innermost, Outcome, Payload};
use crate::observe::Attempting;
use crate::runtime::{Caught, Panic};
use crate::runtime::{Limit, limited};

pub(super) type AttemptResult = Result<(), DeliveryError>;

/// Runs the handler once, with all middleware around it. Errors, panics and time-outs end here. `None`
/// when the application stopped meanwhile.
///
/// Dropping the returned future cancels the handler.
pub(super) async fn attempt(lane: &Lane, turn: &Turn) -> Option<AttemptResult> {
    let lifecycle = &lane.engine.lifecycle;
    let timeout = lane.options.timeout;
    let (mut ctx, _work) = turn.event.context().for_attempt(lifecycle, turn.attempt, timeout);
    let attempting = Attempting::begin(&turn.event, &lane.handler_name, &mut ctx);
    let handler = TurnOf { lane, turn };
    let running = async {
        if lane.engine.middlewares.is_empty() {
            return handler.handle(&ctx).await;
        }
        inside_middleware(lane, turn, ctx, &handler).await
    };
    let result = pin!(running).instrument(attempting.span()).await;
    attempting.end(result.as_ref().err().map(DeliveryError::error_type));
    match result {
        Err(DeliveryError::ShutDown) => None,
        result => Some(result),
    }
}

struct TurnOf<'a> {
    lane: &'a Lane,
    turn: &'a Turn,
}

impl TurnOf<'_> {
    async fn handle(&self, ctx: &Context) -> AttemptResult {
        let Turn { event, handler, .. } = self.turn;
        let handling =
            ctx.scope_exactly(async { Caught::new(|| handler.handle(event, ctx)).await });
        let handled = limited(pin!(handling), ctx.deadline(), &self.lane.engine.lifecycle).await;
        result_of(self.lane, handled)
    }
}

/// What the handler's end means for the delivery.
pub(super) fn result_of(
    lane: &Lane,
    handled: Result<Result<HandlerResult, Panic>, Limit>,
) -> AttemptResult {
    match handled {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(DeliveryError::Failed(Arc::new(error))),
        Ok(Err(Panic(message))) => Err(DeliveryError::Panicked(message)),
        Err(Limit::Deadline) => {
            Err(DeliveryError::TimedOut(lane.options.timeout.unwrap_or_default()))
        }
        Err(Limit::Stopped) => Err(DeliveryError::ShutDown),
    }
}

/// Runs all middleware, and `innermost` inside it. Panics end here.
pub(super) async fn inside_middleware(
    lane: &Lane,
    turn: &Turn,
    ctx: Context,
    innermost: &dyn Innermost,
) -> AttemptResult {
    let around = Caught::new(|| Box::pin(call(lane, turn, ctx, innermost)));
    match limited(pin!(around), None, &lane.engine.lifecycle).await {
        Ok(Ok(result)) => result,
        Ok(Err(Panic(message))) => Err(DeliveryError::Panicked(message)),
        Err(_) => Err(DeliveryError::ShutDown),
    }
}

async fn call(lane: &Lane, turn: &Turn, ctx: Context, innermost: &dyn Innermost) -> AttemptResult {
    let mut result: Option<AttemptResult> = None;
    let mut call = Call {
        kind: MessageKind::Event,
        name: turn.event.name(),
        handler: &lane.handler_name,
        context: ctx,
        idempotency_key: None,
        payload: Payload::Event(&turn.event),
        result: &mut result,
    };
    let outcome = lane.engine.middlewares.run(&mut call, innermost).await;
    match (outcome, result) {
        (Ok(()), _) => Ok(()),
        (Err(CallError::Rejected(rejection)), _) => Err(DeliveryError::Rejected(rejection)),
        (Err(CallError::TimedOut(after)), None) => Err(DeliveryError::TimedOut(after)),
        (Err(CallError::ShutDown), _) => Err(DeliveryError::ShutDown),
        // The handler's own error, with its type and what it says about retrying.
        (Err(_), Some(Err(error))) => Err(error),
        (Err(error), _) => Err(DeliveryError::Failed(Arc::new(error.into()))),
    }
}

impl Innermost for TurnOf<'_> {
    fn run<'a>(&'a self, call: &'a mut Call<'_>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let ctx = call.context().clone();
            let result = self.handle(&ctx).await;
            let outcome = match &result {
                Ok(()) => Ok(()),
                Err(DeliveryError::TimedOut(after)) => Err(CallError::TimedOut(*after)),
                Err(DeliveryError::Panicked(message)) => Err(CallError::Panicked(message.clone())),
                Err(DeliveryError::ShutDown) => Err(CallError::ShutDown),
                Err(DeliveryError::Rejected(rejection)) => {
                    Err(CallError::Rejected(rejection.clone()))
                }
                Err(DeliveryError::Failed(error)) => Err(CallError::Failed(format!("{error:#}"))),
            };
            call.set_result(result);
            outcome
        })
    }
}
