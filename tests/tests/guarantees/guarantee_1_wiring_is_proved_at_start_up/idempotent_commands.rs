//! What an idempotent command does is committed with its key.

use cqrs_core::app::ProblemKind;
use cqrs_core::modules;
use cqrs_core::prelude::*;

use super::{assert_only, assert_says, problems_of};

#[derive(Serialize, Command)]
#[command(idempotent)]
struct Pay;

#[command_handler]
async fn pay(_: Pay) -> Result<(), HandlerError> {
    Ok(())
}

#[test]
fn an_idempotent_command_needs_a_handler_in_a_transaction() {
    let error = problems_of(modules![self]);
    assert_only(&error, ProblemKind::IdempotentWithoutTransaction);
    let file = file!();
    assert_says(
        &error,
        &[
            "command `Pay` is `idempotent`, and handler `pay` (",
            file,
            ") does not write in a transaction, so it could be executed twice\n",
            "fix: write `#[command_handler(Pay, transactional)]`, or a function with a parameter \
             `tx: &mut SqliteTransaction` or `PostgresTransaction`; or remove `idempotent`",
        ],
    );
}
