//! Commands that are executed once for each idempotency key.

use crate::context::Context;
use crate::handler::Rejection;
use crate::message::{Command, Executed, ExecutionKey, Idempotent};

/// One execution of an idempotent command, for a request with a key.
pub(super) struct Keyed<C: Command> {
    idempotent: Idempotent<C>,
    key: ExecutionKey,
}

impl<C: Command> Keyed<C> {
    /// `None` if the command is not idempotent, or the request has no key.
    pub(super) fn of(command: &C, ctx: &Context) -> Result<Option<Self>, Rejection> {
        let (Some(idempotent), Some(key)) = (C::IDEMPOTENT, ctx.idempotency_key()) else {
            return Ok(None);
        };
        let key = idempotent.key(command, key, ctx).map_err(|error| {
            let name = C::NAME;
            Rejection::invalid(format!("`{name}` has no JSON form, to be recognized by: {error}"))
        })?;
        Ok(Some(Self { idempotent, key }))
    }

    pub(super) fn key(&self) -> &ExecutionKey {
        &self.key
    }

    /// The output of the execution that had the same key before.
    pub(super) fn output_of(&self, before: &Executed) -> Result<C::Output, Rejection> {
        if before.fingerprint != self.key.fingerprint {
            return Err(Rejection::key_reused(C::NAME));
        }
        self.idempotent.read(&before.output).map_err(|error| {
            Rejection::unavailable(format!(
                "`{}` was executed with this idempotency key before, and this build cannot read its output: {error}",
                C::NAME
            ))
        })
    }

    /// `output`, as it is stored.
    pub(super) fn write(&self, output: &C::Output) -> Result<String, Rejection> {
        self.idempotent.write(output).map_err(|error| {
            let name = C::NAME;
            Rejection::unavailable(format!("the output of `{name}` has no JSON form: {error}"))
        })
    }
}
