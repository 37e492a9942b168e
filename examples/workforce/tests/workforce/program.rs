//! The program, as it is called from a shell.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use cqrs_core::describe::Description;
use cqrs_core::message::MessageKind;

use crate::world::Result;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workforce"));
    command.args(arguments).env_remove("DATABASE_URL").env_remove("LISTEN").env("RUST_LOG", "warn");
    command
}

fn run(arguments: &[&str]) -> Result<Output> {
    Ok(program(arguments).output()?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ended when the test fails.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves at any port, from this folder, and what it says.
pub(crate) fn started(
    folder: &Path,
    arguments: &[&str],
) -> Result<(Running, BufReader<ChildStdout>)> {
    let mut command = program(&["--listen", "127.0.0.1:0"]);
    command.args(arguments).current_dir(folder).stdout(Stdio::piped());
    let mut running = Running(command.spawn()?);
    let output = running.0.stdout.take().ok_or("no output")?;
    Ok((running, BufReader::new(output)))
}

#[test]
fn help_explains_what_can_be_set() -> Result {
    let output = run(&["--help"])?;
    let help = text(&output.stdout);
    for word in
        ["--listen", "--database", "--smtp", "--no-demo", "describe", "check", "127.0.0.1:3000"]
    {
        assert!(help.contains(word), "{help}");
    }
    assert!(output.status.success());
    Ok(())
}

#[test]
fn everything_is_wired_and_every_event_has_a_handler() -> Result {
    let output = run(&["check"])?;
    assert!(text(&output.stdout).starts_with("everything is wired"), "{}", text(&output.stderr));
    let output = run(&["describe", "--format", "json"])?;
    let description: Description = serde_json::from_slice(&output.stdout)?;
    assert_eq!(description.unhandled_events().count(), 0);
    Ok(())
}

/// Of the whole map, events and the handlers that name them, with the module they are in.
fn graph(description: &Description) -> String {
    let id = |name: &str| name.replace(['.', '-'], "_");
    let mut graph = "flowchart LR\n".to_owned();
    for event in description.messages.iter().filter(|it| it.kind == MessageKind::Event) {
        for name in &event.handlers {
            let handler = description.handlers.iter().find(|it| it.name == *name);
            let module = handler.and_then(|it| it.declared.module.as_deref()).unwrap_or_default();
            let module = module.split("::").nth(1).unwrap_or("main");
            let (from, to, event) = (id(&event.name), id(name), &event.name);
            let _ = writeln!(graph, "    {from}([{event}]) --> {to}[{module}: {name}]");
        }
    }
    graph
}

#[test]
fn the_readme_shows_who_reacts_to_what() -> Result {
    let output = run(&["describe", "--format", "json"])?;
    let graph = graph(&serde_json::from_slice(&output.stdout)?);
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("```mermaid\n{graph}```")), "README.md needs:\n{graph}");
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() -> Result {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = program(&["--listen", &address]).current_dir(folder.path()).output()?;
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error: cannot listen on {address}: ")), "{error}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "nothing is begun");
    Ok(())
}

#[test]
fn what_cannot_be_opened_is_named_without_its_password() -> Result {
    for (database, reason) in [
        ("postgres://ada:s3cret@127.0.0.1:1/x", "refused"),
        ("mysql://ada:s3cret@h/x", "names no database"),
        ("/no/such/folder/x.db", "the folder has to be there"),
        ("/", "the folder has to be there"),
    ] {
        let output = run(&["--listen", "127.0.0.1:0", "--database", database])?;
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("error: ") && error.contains(reason), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    Ok(())
}

/// As when its output goes into `head`.
#[cfg(unix)]
#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn it_drains_when_nobody_reads_what_it_says() -> Result {
    let folder = tempfile::tempdir()?;
    let mut command = program(&["--listen", "127.0.0.1:0"]);
    command.current_dir(folder.path()).env("RUST_LOG", "trace");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut running = Running(child);
    let mut output = BufReader::new(running.0.stdout.take().ok_or("no output")?);
    let errors = running.0.stderr.take().ok_or("no errors")?;
    let mut errors = BufReader::new(errors);
    errors.read_line(&mut String::new())?;
    drop(errors);
    output.read_line(&mut String::new())?;
    drop(output);
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status()?.success());
    let ended = running.0.wait()?;
    assert!(ended.success(), "{ended}");
    Ok(())
}

#[test]
fn it_says_where_everything_is() -> Result {
    let folder = tempfile::tempdir()?;
    let (_running, output) = started(folder.path(), &[])?;
    let lines = output.lines().take(6).collect::<std::io::Result<Vec<_>>>()?.join("\n");
    for word in [
        "/activity",
        "/api/docs",
        "workforce.db and workforce.activity.db",
        "files in mail",
        "ada@acme.example of `acme`",
        "demo-password",
    ] {
        assert!(lines.contains(word), "{lines}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn it_says_where_it_is_and_drains_when_told_to_stop() -> Result {
    let folder = tempfile::tempdir()?;
    let (mut running, mut output) = started(folder.path(), &["--no-demo"])?;
    let mut line = String::new();
    output.read_line(&mut line)?;
    assert!(line.starts_with("Workforce is at http://127.0.0.1:"), "{line}");

    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status()?.success());
    assert!(running.0.wait()?.success());
    let mut rest = String::new();
    output.read_to_string(&mut rest)?;
    assert!(rest.contains("everything was finished"), "{rest}");
    Ok(())
}
