//! `build()` reports everything that is wired wrongly, in one error.

mod everything_at_once;
mod handlers;
mod idempotent_commands;
mod implemented_by_hand;
mod module_selection;
mod near_misses;
mod one_module_alone;
mod queries_that_reach_a_bus;
mod services;
mod transactions;
mod two_of_one;

use cqrs_core::BuildError;
use cqrs_core::app::ProblemKind;
use cqrs_core::prelude::*;

fn problems_of(modules: cqrs_core::app::Modules) -> BuildError {
    App::builder().only(modules).build().expect_err("this module is wired wrongly")
}

#[track_caller]
fn assert_only(error: &BuildError, kind: ProblemKind) {
    assert!(matches!(error.problems(), [problem] if problem.kind() == kind), "{error}");
}

/// Asserts that the report's text has all of `parts`, since a person must be able to act on it.
#[track_caller]
fn assert_says(error: &BuildError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "missing {part:?} in:\n{text}");
    }
}
