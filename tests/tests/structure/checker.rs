//! The checker finds an arrow that points the wrong way, wherever it is written.

use std::fs;

use cqrs_tests::arrows::{check_arrows, check_circles, declared_modules};
use tempfile::TempDir;

const ORDER: [&str; 3] = ["context", "bus", "app"];

/// A crate of these files, beside a `lib.rs` that declares [`ORDER`].
fn krate(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let lib = "mod context;\nmod bus;\nmod app;\n#[cfg(test)] mod support;\n";
    let files = [("lib.rs", lib), ("context.rs", ""), ("bus/mod.rs", ""), ("app.rs", "")]
        .into_iter()
        .chain(files.iter().copied());
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    check_arrows(krate(files).path(), &ORDER)
}

#[test]
fn an_arrow_up_the_list_is_right() {
    let app = "use crate::{bus::{self, EventBus}, context::Context};\nuse std::fmt;";
    assert_eq!(arrows(&[("app.rs", app)]), [""; 0]);
    assert_eq!(declared_modules(krate(&[]).path()), ORDER);
}

#[test]
fn an_arrow_down_the_list_is_found_wherever_it_is_written() {
    for text in [
        "use crate::app::App;",
        "use crate::{context::Context, app::{self, App}};",
        "use super::super::app::App as Application;",
        "use crate::app::*;",
        "use crate::App;",
        "fn start() { crate::app::start() }",
        "struct Bus(Option<crate::app::App>);",
        "mod inner { use crate::app::App; }",
    ] {
        let files = [
            ("lib.rs", "mod context;\nmod bus;\nmod app;\npub use self::app::App;\n"),
            ("bus/mod.rs", "mod event_bus;"),
            ("bus/event_bus.rs", &*format!("\n{text}")),
        ];
        let wrong = "bus/event_bus.rs:2: `bus` imports `app`, which comes after it";
        assert_eq!(arrows(&files), [wrong], "{text}");
    }
}

#[test]
fn tests_may_import_anything() {
    let bus = "#[cfg(test)] use crate::app;\n#[cfg(test)] mod tests { use crate::app::App; }\n\
               mod properties;\nmod queue_tests;\n#[cfg(test)] mod model;";
    assert_eq!(arrows(&[("bus/mod.rs", bus)]), [""; 0]);
}

#[test]
fn a_module_without_a_place_in_the_order_is_named() {
    let wrong = check_arrows(krate(&[]).path(), &["context", "app"]);
    assert_eq!(wrong, ["lib.rs: `bus` is not in the order of the modules"]);
}

#[test]
fn a_circle_in_a_folder_is_found_also_through_what_the_folder_exports() {
    let folder =
        "mod link;\nmod queue;\nmod row;\npub(crate) use self::row::Row;\npub use queue::Queue;";
    let straight = [
        ("bus/mod.rs", folder),
        ("bus/link.rs", "use super::Row;"),
        ("bus/queue.rs", "use super::{Row, link::Link};"),
        ("bus/row.rs", ""),
    ];
    assert_eq!(check_circles(krate(&straight).path(), &["bus"]), [""; 0]);

    let mut circle = straight;
    circle[3].1 = "\nuse super::Queue;";
    assert_eq!(
        check_circles(krate(&circle).path(), &["bus"]),
        [
            "bus/link.rs:1: `link` imports `row`, which imports `link` in turn",
            "bus/queue.rs:1: `queue` imports `link`, which imports `queue` in turn",
            "bus/queue.rs:1: `queue` imports `row`, which imports `queue` in turn",
            "bus/row.rs:2: `row` imports `queue`, which imports `row` in turn",
        ]
    );
}
