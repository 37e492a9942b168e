//! The command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};
use cqrs_core::cli::WiringCommand;

use crate::activity;
use crate::config::{Config, PublicUrl};
use crate::console::{complain, say};
use crate::db::{Db, shown, sqlite_file};
use crate::demo;
use crate::http::ConnectionLimits;
use crate::import_command::ImportUpwork;
use crate::integrations::Limits;
use crate::notifications::MailSettings;
use crate::server::{Server, ServerError, application};
use crate::users::PasswordCost;

/// How long a shutdown waits for handlers.
pub(crate) const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// A small multi-tenant workforce product: employees, organizations, users, and what they do.
///
/// Without a command it serves, with two demo tenants whose users sign in by one click.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the product (the default)
    Serve(Serve),
    /// Imports a work diary from Upwork: a CSV file of any size
    ImportUpwork(ImportUpwork),
    #[command(flatten)]
    Wiring(WiringCommand),
}

/// How to serve.
#[derive(Debug, Clone, Args)]
struct Serve {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:3000")]
    listen: String,
    #[command(flatten)]
    database: Database,
    #[arg(
        long,
        env = "PUBLIC_URL",
        help = "Where people reach it, such as https://workforce.example; for links in e-mails and secure cookies"
    )]
    public_url: Option<PublicUrl>,
    /// Writes e-mails into this folder
    #[arg(long, default_value = "mail", conflicts_with = "smtp")]
    mail: PathBuf,
    #[arg(
        long,
        env = "SMTP_URL",
        hide_env_values = true,
        help = "Sends e-mails to this server instead, smtps://user:password@host; implies --no-demo"
    )]
    smtp: Option<String>,
    /// Who e-mails are from
    #[arg(long, env = "MAIL_FROM", default_value = "Workforce <no-reply@workforce.example>")]
    mail_from: String,
    /// How many connections there are at once; each takes a file descriptor
    #[arg(long, default_value_t = ConnectionLimits::default().most, value_parser = value_parser!(u16).range(1..))]
    connections: u16,
    /// The largest delivery from GitHub, in bytes
    #[arg(long, default_value_t = Limits::default().github)]
    github_limit: usize,
    /// The largest file from Upwork that is taken over HTTP, in bytes
    #[arg(long, default_value_t = Limits::default().upwork)]
    upwork_limit: usize,
    /// Makes no demo tenants, and offers no sign-in by one click
    #[arg(long)]
    no_demo: bool,
}

/// Which database.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    #[arg(
        long,
        help = "A SQLite file, sqlite://file or postgres://user@host/name",
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "workforce.db"
    )]
    pub(crate) database: String,
}

impl Cli {
    /// Does what was asked for.
    pub async fn run(self) -> ExitCode {
        let result = match self.command.unwrap_or(Command::Serve(self.serve)) {
            Command::Serve(serve) => serve.run().await,
            Command::ImportUpwork(import) => return import.run().await,
            Command::Wiring(command) => return describe(command).await,
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("error: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

impl Serve {
    async fn run(self) -> Result<(), ServerError> {
        let stop = told_to_stop().map_err(ServerError::Serve)?;
        let config = self.config();
        let kept = kept(&config);
        let server = Server::start(config).await?;
        let url = format!("http://{}", server.address());
        say(format_args!("Workforce is at {url}  (ctrl-c stops it)"));
        say(format_args!("  activity log  {url}/activity"));
        say(format_args!("  API           {url}/api/docs"));
        say(kept);
        if server.has_demo() {
            say(format_args!("  demo users    {}", demo::users()));
        }
        stop.await;
        say("stopping ...");
        say(server.shutdown(DRAIN_WITHIN).await?);
        Ok(())
    }

    fn config(self) -> Config {
        Config {
            listen: self.listen,
            database: self.database.database,
            public_url: self.public_url,
            connections: ConnectionLimits { most: self.connections, ..ConnectionLimits::default() },
            limits: Limits {
                github: self.github_limit,
                upwork: self.upwork_limit,
                ..Limits::default()
            },
            // Demo people get no e-mail over a real server.
            demo: !self.no_demo && self.smtp.is_none(),
            mail: self.smtp.map_or(MailSettings::Folder(self.mail), MailSettings::Smtp),
            mail_from: self.mail_from,
            password_cost: PasswordCost::default(),
        }
    }
}

/// Where state and e-mails are.
fn kept(config: &Config) -> String {
    let state = match sqlite_file(&config.database) {
        Some(file) => {
            let log = activity::file(&file);
            let folder = std::env::current_dir().unwrap_or_default();
            format!("{} and {}, in {}", file.display(), log.display(), folder.display())
        }
        None => shown(&config.database),
    };
    let mails = match &config.mail {
        MailSettings::Folder(folder) => format!("files in {}", folder.display()),
        MailSettings::Smtp(server) => format!("sent by {}", shown(server)),
    };
    format!("  state         {state}\n  e-mails       {mails}")
}

/// Of an application that does not listen.
pub(crate) fn offline() -> Config {
    Config {
        listen: String::new(),
        database: String::new(),
        public_url: None,
        mail: MailSettings::Smtp("smtp://localhost".to_owned()),
        mail_from: "Workforce <no-reply@workforce.example>".to_owned(),
        connections: ConnectionLimits::default(),
        limits: Limits::default(),
        demo: false,
        password_cost: PasswordCost::default(),
    }
}

/// Connects to nothing, and keeps nothing.
async fn describe(command: WiringCommand) -> ExitCode {
    let url = PublicUrl::new("http://localhost");
    let log = activity::in_memory().await.map_err(ServerError::from);
    match log.and_then(|log| application(&offline(), &Db::unconnected(), &url, &log)) {
        Ok(app) => command.run(app),
        Err(error) => {
            complain(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends when somebody says stop, by ctrl-c or SIGTERM; both are heard from now on.
#[cfg(unix)]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
    })
}

/// Ends when somebody says stop, by ctrl-c.
#[cfg(not(unix))]
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupts = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupts.recv().await) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }
}
