//! A test that links one module, and not the one that handles its command.

use cqrs_core::app::ProblemKind;
use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

use super::{assert_only, assert_says, problems_of};

#[derive(Command)]
struct HandledElsewhere;

#[test]
fn a_test_is_told_to_leave_out_what_other_modules_handle() {
    let app = TestApp::from_builder(App::builder().only(modules![self]));
    let report = app.build().expect_err("it has no handler");
    assert_only(&report, ProblemKind::NoHandler);
    let fix = "`TestApp::from_builder(App::builder().only(modules![crate]))`";
    assert_says(&report, &["command `HandledElsewhere`", "#[command_handler(", fix]);
    let outside = problems_of(modules![self]).to_string();
    assert!(!outside.contains("TestApp"), "{outside}");
}
