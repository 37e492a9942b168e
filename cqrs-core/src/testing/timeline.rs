//! What happened, for people.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display};

use uuid::Uuid;

use super::TestApp;
use super::recorder::{Moment, Recorder};
use crate::context::Context;
use crate::message::AnyEvent;
use crate::observe::{AttemptRecord, Happening};

/// The longest payload that is shown, in characters.
const SHOWN_PAYLOAD: usize = 160;

/// A recorder's moments as lines, oldest first. Each message has a number, and shows the number of its
/// cause.
pub(super) struct Timeline<'a>(pub(super) &'a Recorder);

impl Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moments = self.0.moments();
        f.write_str("what happened:")?;
        let Some(Moment { at: began, .. }) = moments.first() else {
            return f.write_str(" nothing was published or executed");
        };
        let numbers = Numbers::of(moments.iter().map(|moment| &moment.what));
        for Moment { at, what, .. } in moments.iter() {
            write!(f, "\n  {:>8} ms  ", at.duration_since(*began).as_millis())?;
            match what {
                Happening::Published(event) => published(f, event, &numbers)?,
                Happening::Executed(execution) => {
                    let (kind, ctx) = (execution.kind, &execution.context);
                    write!(f, "{kind} {}{}", numbers.show(ctx), execution.name)?;
                    write!(f, " ({})", ctx.tenant())?;
                    numbers.cause(f, ctx)?;
                    write!(f, ": {}", execution.failure.as_deref().unwrap_or("ok"))?;
                }
                Happening::Attempted(attempt) => attempted(f, attempt, &numbers)?,
            }
        }
        let Some(seed) = self.0.seed else { return Ok(()) };
        let variable = TestApp::SEED_VARIABLE;
        write!(f, "\nshuffled with seed {seed}; to run this order again: {variable}={seed}")
    }
}

fn published(f: &mut fmt::Formatter<'_>, event: &AnyEvent, numbers: &Numbers) -> fmt::Result {
    let ctx = event.context();
    write!(f, "publish {}{} ({})", numbers.show(ctx), event.name(), ctx.tenant())?;
    numbers.cause(f, ctx)?;
    write!(f, ": {:.SHOWN_PAYLOAD$}", event.redacted_payload().to_string())
}

fn attempted(
    f: &mut fmt::Formatter<'_>,
    attempt: &AttemptRecord,
    numbers: &Numbers,
) -> fmt::Result {
    let AttemptRecord { handler_name, event, error, retry_in, .. } = attempt;
    let number = numbers.show(event.context());
    write!(f, "deliver {number}{} to {handler_name}", event.name())?;
    write!(f, ", attempt {}: ", attempt.attempt)?;
    let error = error.as_ref().map(|error| event.redacted_text(error));
    match (error, retry_in) {
        (None, _) => f.write_str("ok"),
        (Some(error), Some(delay)) => {
            write!(f, "{error}; next attempt in {} ms", delay.as_millis())
        }
        (Some(error), None) => write!(f, "{error}; failed for good"),
    }
}

/// Short numbers for message ids, in the order in which the messages were made.
struct Numbers(HashMap<Uuid, usize>);

impl Numbers {
    fn of<'a>(happenings: impl Iterator<Item = &'a Happening>) -> Self {
        let ids = happenings.map(|what| match what {
            Happening::Published(event) => event.id(),
            Happening::Executed(execution) => execution.context.message_id(),
            Happening::Attempted(attempt) => attempt.event.id(),
        });
        // By time, so that a cause comes before its effects even if it ended after them.
        let sorted: BTreeSet<_> = ids.collect();
        Self(sorted.into_iter().zip(1..).collect())
    }

    fn show(&self, ctx: &Context) -> String {
        self.0.get(&ctx.message_id()).map(|number| format!("#{number} ")).unwrap_or_default()
    }

    fn cause(&self, f: &mut fmt::Formatter<'_>, ctx: &Context) -> fmt::Result {
        match ctx.causation_id().and_then(|cause| self.0.get(&cause)) {
            Some(number) => write!(f, ", caused by #{number}"),
            None => Ok(()),
        }
    }
}
