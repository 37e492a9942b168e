//! The modules of each crate import only what comes before them, so that a crate can be read from top to bottom.

mod checker;

use std::path::PathBuf;

use cqrs_tests::arrows::{check_arrows, check_circles, declared_modules};

fn src(krate: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src")
}

fn assert_straight(wrong: &[String]) {
    assert!(wrong.is_empty(), "these imports point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn the_core_imports_only_what_comes_before_in_its_lib_rs() {
    let src = src("cqrs-core");
    let order = declared_modules(&src);
    let order: Vec<_> = order.iter().map(String::as_str).collect();
    assert_straight(&check_arrows(&src, &order));
}

#[test]
fn no_modules_of_a_room_of_the_core_import_each_other() {
    let rooms = ["bus", "middleware", "registry", "schedule"];
    assert_straight(&check_circles(&src("cqrs-core"), &rooms));
}

#[test]
fn the_activity_log_imports_only_what_stands_above_in_its_lib_rs() {
    let src = src("cqrs-activity-log");
    let order = declared_modules(&src);
    let order: Vec<_> = order.iter().map(String::as_str).collect();
    assert_straight(&check_arrows(&src, &order));
}

#[test]
fn no_modules_of_a_folder_of_the_activity_log_import_each_other() {
    let folders = ["chain", "export", "query", "recorder", "retention", "store", "web", "web/page"];
    assert_straight(&check_circles(&src("cqrs-activity-log"), &folders));
}
