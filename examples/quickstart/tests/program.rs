//! The program as it is called from a shell.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn quickstart(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Runs it on a file with this content; `name` is for this test alone.
fn import(name: &str, content: impl AsRef<[u8]>) -> Output {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the directory is writable");
    quickstart(&[&path])
}

#[track_caller]
fn report(output: Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).expect("the report is UTF-8")
}

/// The error's text. Asserts that the program printed nothing else.
#[track_caller]
fn error(output: Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).expect("the error is UTF-8")
}

#[test]
fn the_shipped_file_gives_what_the_readme_shows() {
    let report = report(quickstart(&[]));
    let readme = include_str!("../README.md");
    assert!(readme.contains(&report), "the README needs this:\n{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 80));
    assert!(!report.contains("alan@"), "only the outbox shows e-mail addresses");
}

#[test]
fn bad_rows_are_reported_with_their_lines_and_the_rest_goes_on() {
    let huge = format!("{},huge@acme.example,Engineering,5", "x".repeat(300_000));
    let rows: [&[u8]; 9] = [
        b"\xef\xbb\xbffull_name,email,department,id",
        b"",
        b"Ada Lovelace,ada@acme.example,Engineering,1",
        b"Too,few",
        b"No \xff text,no@acme.example,Engineering,2",
        b"No Address,acme.example,Engineering,3",
        b",nameless@acme.example,Engineering,4",
        huge.as_bytes(),
        b"Grace Hopper,grace@acme.example,Engineering,6",
    ];
    let report = report(import("bad_rows.csv", rows.join(&b"\r\n"[..])));
    assert!(report.contains("Imported bad_rows.csv for tenant acme: 2 created, 5 refused.\n"));
    assert!(report.contains("  Ada Lovelace "));
    assert!(report.contains("  Grace Hopper "));

    let refused: Vec<_> = report
        .lines()
        .filter(|line| line.starts_with("  line "))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        refused,
        [
            "line 4 2 columns where the header has 4",
            "line 5 not UTF-8 text",
            "line 6 `email` is not an e-mail address",
            "line 7 `full_name` is empty",
            "line 8 `full_name` is longer than 200 characters",
        ]
    );
}

#[test]
fn a_quote_that_is_left_open_is_refused_where_it_begins() {
    let file = "full_name,email,department\nAda,ada@acme.example,X\n\"Bob,b@b.c,X\nEve,e@b.c,X\n";
    let report = report(import("open_quote.csv", file));
    assert!(report.contains("1 created, 1 refused"), "{report}");
    assert!(report.contains("  line 3 "), "{report}");
}

#[test]
fn a_file_without_rows_is_imported() {
    let report = report(import("no_rows.csv", "full_name,email,department\n"));
    assert!(report.contains("0 created, 0 refused"), "{report}");
}

#[test]
fn many_rows_are_imported_and_a_section_shows_only_the_first() {
    let rows = (0..5_000).map(|n| format!("Employee {n},{n}@acme.example,X\n"));
    let file = format!("full_name,email,department\n{}", rows.collect::<String>());
    let report = report(import("many_rows.csv", file));
    assert!(report.contains("5000 created, 0 refused"), "{report}");
    assert!(report.contains("  and 4980 more\n"), "{report}");
    assert!(report.ends_with("Shut down: everything was finished.\n"));
}

#[test]
fn a_file_that_is_no_list_of_employees_is_an_error() {
    let missing = error(quickstart(&[Path::new("no/such/file.csv")]));
    assert!(missing.starts_with("error: cannot read no/such/file.csv: "), "{missing}");

    let column = error(import("column.csv", "full_name,department\nAda,X\n"));
    assert!(column.contains("no column email"), "{column}");

    let empty = error(import("empty.csv", ""));
    assert!(empty.contains("the file is empty"), "{empty}");

    let directory = error(quickstart(&[Path::new(env!("CARGO_MANIFEST_DIR"))]));
    assert!(directory.starts_with("error: cannot read "), "{directory}");
}

#[test]
fn arguments_it_does_not_know_are_refused() {
    for arguments in [&["--help"][..], &["a.csv", "b.csv"]] {
        let arguments: Vec<_> = arguments.iter().map(Path::new).collect();
        let usage = error(quickstart(&arguments));
        assert_eq!(usage, "usage: quickstart [path/to/employees.csv]\n");
    }
}
