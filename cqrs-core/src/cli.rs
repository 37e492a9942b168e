//! `describe` and `check` for any program that has an application; needs the feature `cli`.
//!
//! ```text
//! myapp describe --format markdown|mermaid|json    prints the map of the application
//! myapp check                                      proves the wiring; exit code 1 if it is wrong
//! myapp check --deny unhandled                     also fails if an event has no handler
//! myapp check --deny undeclared                    also fails if a command or query declares no permission
//! ```
//!
//! Both commands prove the wiring and build nothing. They need no Tokio runtime, build no service, call no provider and no
//! handler, and start no plugin. Provided values exist before that, so let a `#[provider]` make a pool of connections, or
//! let the pool connect lazily.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::app::{AppBuilder, plan};
use crate::describe::{Description, Format, MessageDescription};

/// A command about how an application is wired.
///
/// In a parser of your own, it is a variant: `#[command(flatten)] Wiring(WiringCommand)`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[non_exhaustive]
pub enum WiringCommand {
    /// Prints every message, handler and service, and which handler reacts to which message
    Describe {
        /// How it is written
        #[arg(long, short, value_enum, default_value_t)]
        format: Format,
    },
    /// Proves that everything is wired; ends with exit code 1 and a report if it is not
    Check {
        /// What else is a failure
        #[arg(long, value_enum)]
        deny: Vec<Denied>,
    },
}

/// What `check` reports as a failure only if asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
#[non_exhaustive]
pub enum Denied {
    /// An event that no handler names; a handler of every event does not count
    Unhandled,
    /// A command or query without `requires`, which declares the permission that its caller needs
    Undeclared,
}

/// A program that has only these commands.
#[derive(Debug, Parser)]
#[command(about = "Shows and proves how the application is wired")]
struct Arguments {
    #[command(subcommand)]
    command: WiringCommand,
}

impl WiringCommand {
    /// The command that the program was called with. `None` if the first argument is neither `describe` nor
    /// `check`; the arguments are then for the program itself.
    ///
    /// Ends the program, as clap does, if the other arguments are not valid, and for `--help` after one of
    /// the two commands.
    ///
    /// ```no_run
    /// # use cqrs_core::{App, cli::WiringCommand};
    /// fn main() -> std::process::ExitCode {
    ///     if let Some(command) = WiringCommand::from_args() {
    ///         return command.run(App::builder());
    ///     }
    ///     // What the program did before.
    ///     std::process::ExitCode::SUCCESS
    /// }
    /// ```
    pub fn from_args() -> Option<Self> {
        let first = std::env::args_os().nth(1)?;
        let is_ours = Self::has_subcommand(first.to_str()?);
        is_ours.then(|| Arguments::parse().command)
    }

    /// Proves the wiring and prints what was asked for. The exit code is 1 if the application is wired
    /// wrongly, with the report on standard error, or if standard output cannot be written. Otherwise it is
    /// 0.
    ///
    /// A reader that stops early, such as `head`, is no failure.
    pub fn run(self, app: AppBuilder) -> ExitCode {
        let description = match plan(app) {
            Ok(plan) => Description::of(&plan.wired),
            Err(report) => return failed(&report),
        };
        let text = match self {
            Self::Describe { format } => description.render(format),
            Self::Check { deny } => match denied(&description, &deny) {
                found if found.is_empty() => {
                    format!("everything is wired: {}\n", description.summary())
                }
                found => return failed(&found.join("\n")),
            },
        };
        // Unlike `print!`, this returns its error.
        let mut output = io::stdout().lock();
        match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => failed(&format_args!("cannot write to standard output: {error}")),
        }
    }
}

/// A line for each message that is denied.
fn denied(description: &Description, deny: &[Denied]) -> Vec<String> {
    let mut found = Vec::new();
    if deny.contains(&Denied::Unhandled) {
        found.extend(description.unhandled_events().map(|event| {
            let reason = event.unhandled.as_deref().unwrap_or_default();
            format!("{} has no handler: {reason}", title(event))
        }));
    }
    if deny.contains(&Denied::Undeclared) {
        found.extend(description.undeclared().map(|message| {
            let kind = message.kind;
            format!(
                "{} declares no permission: add `#[{kind}(requires = \"..\")]`, or \
                 `requires = none` if its caller needs none",
                title(message)
            )
        }));
    }
    found
}

fn title(message: &MessageDescription) -> String {
    let MessageDescription { kind, name, type_name, declared, .. } = message;
    let declared = declared.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    format!("{kind} `{type_name}` \"{name}\"{declared}")
}

/// Unlike `eprintln!`, does not panic if standard error is closed.
fn failed(why: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_argument_is_understood_and_markdown_is_the_default() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from(arguments).map(|it| it.command);
        let describe = |format| WiringCommand::Describe { format };
        assert_eq!(parse(&["a", "describe"]).unwrap(), describe(Format::Markdown));
        for (name, format) in
            [("mermaid", Format::Mermaid), ("json", Format::Json), ("markdown", Format::Markdown)]
        {
            assert_eq!(parse(&["a", "describe", "--format", name]).unwrap(), describe(format));
        }
        assert!(parse(&["a", "describe", "--format", "xml"]).is_err());
        let deny = vec![Denied::Unhandled];
        assert_eq!(
            parse(&["a", "check", "--deny", "unhandled"]).unwrap(),
            WiringCommand::Check { deny }
        );
    }
}
