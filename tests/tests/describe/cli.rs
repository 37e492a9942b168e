//! The commands, as a shell and CI see them.

use std::process::{Command, ExitCode, Output};

use clap::Parser;
use cqrs_core::cli::{Denied, WiringCommand};
use cqrs_core::describe::Format;

fn wired_wrongly(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_wired_wrongly");
    Command::new(program).args(arguments).output().expect("the program runs")
}

#[test]
fn an_application_that_is_wired_wrongly_fails_with_its_report() {
    for arguments in [&["check"][..], &["describe"], &["describe", "--format", "json"]] {
        let output = wired_wrongly(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let report = String::from_utf8(output.stderr).expect("the report is UTF-8");
        assert!(report.starts_with("the application is wired wrongly:\n"), "{report}");
        assert!(report.contains("command `CloseBooks` ("), "{report}");
        assert!(
            report.contains("fix: annotate one with `#[command_handler(CloseBooks)]`"),
            "{report}"
        );
    }
}

#[test]
fn arguments_that_are_not_understood_are_explained() {
    for (arguments, says) in [
        (&["chek"][..], "a similar subcommand exists: 'check'"),
        (&["describe", "--format", "xml"], "[possible values: markdown, mermaid, json]"),
        (&["describe", "twice"], "unexpected argument 'twice'"),
        (&[], "Usage: wired_wrongly <COMMAND>"),
    ] {
        let output = wired_wrongly(arguments);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(says), "missing {says:?} in:\n{text}");
    }
}

#[test]
fn the_commands_are_subcommands_of_any_parser() {
    #[derive(Debug, Parser)]
    enum Flat {
        Serve,
        #[command(flatten)]
        Wiring(WiringCommand),
    }
    #[derive(Debug, Parser)]
    enum Nested {
        #[command(subcommand)]
        Wiring(WiringCommand),
    }
    assert!(matches!(Flat::try_parse_from(["app", "serve"]), Ok(Flat::Serve)));
    let flat = Flat::try_parse_from(["app", "describe", "-f", "mermaid"]).expect("understood");
    assert!(matches!(flat, Flat::Wiring(WiringCommand::Describe { format: Format::Mermaid, .. })));
    let nested = Nested::try_parse_from(["app", "wiring", "check"]).expect("understood");
    assert!(matches!(nested, Nested::Wiring(WiringCommand::Check { .. })));
}

#[test]
fn an_event_that_no_handler_names_fails_on_demand() {
    let check = |deny: Vec<Denied>| WiringCommand::Check { deny }.run(super::shop::app());
    assert_eq!(check(Vec::new()), ExitCode::SUCCESS);
    assert_eq!(check(vec![Denied::Unhandled]), ExitCode::FAILURE, "`order.archived` has none");
}

#[test]
fn a_command_or_query_that_declares_no_permission_fails_on_demand() {
    let check = |deny: Vec<Denied>| WiringCommand::Check { deny }.run(super::shop::app());
    assert_eq!(check(vec![Denied::Undeclared]), ExitCode::FAILURE, "`place.order` declares none");
    let app = || cqrs_core::App::builder().bare();
    let nothing = WiringCommand::Check { deny: vec![Denied::Undeclared, Denied::Unhandled] };
    assert_eq!(nothing.run(app()), ExitCode::SUCCESS);
}

#[test]
fn the_report_of_unhandled_events_says_why() {
    let output = Command::new(env!("CARGO_BIN_EXE_unhandled_events"))
        .args(["check", "--deny", "unhandled"])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stderr).expect("the report is UTF-8");
    for part in [
        "event `ShelfDusted` \"shelf.dusted\" (",
        "has no handler: no handler that is linked names it",
        "event `BookLent` \"book.lent\" (",
        "has no handler: it is named only by handlers that `only` or `without` leaves out: \
         `remind-reader` of `unhandled_events::reminders` (",
    ] {
        assert!(report.contains(part), "missing {part:?} in:\n{report}");
    }
    assert_eq!(report.lines().count(), 2, "{report}");
}
