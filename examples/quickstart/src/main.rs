//! Imports employees from a CSV file and shows what happened: `cargo run -p quickstart`. With the argument
//! `describe` or `check`, it shows or checks its wiring instead.

mod report;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cqrs_core::AppBuilder;
use cqrs_core::bus::Live;
use cqrs_core::cli::WiringCommand;
use cqrs_core::lane::Failure;
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::prelude::*;
use quickstart::analytics::Headcount;
use quickstart::employees::ListEmployees;
use quickstart::import::{self, Row};
use quickstart::notifications::{EmailService, LocalMail};

use crate::report::{Failures, Refusal, Report};

const SHIPPED_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/employees.csv");

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(command) = WiringCommand::from_args() {
        return command.run(app(&Arc::default()));
    }
    let mut arguments = std::env::args_os().skip(1);
    let path = match (arguments.next(), arguments.next()) {
        (None, _) => PathBuf::from(SHIPPED_FILE),
        (Some(path), None) if !path.as_encoded_bytes().starts_with(b"-") => path.into(),
        _ => {
            eprintln!("usage: quickstart [path/to/employees.csv]");
            return ExitCode::from(2);
        }
    };
    match run(&path).await {
        Ok(report) => {
            // A reader may stop early, as `head` does.
            let _ = std::io::stdout().write_all(report.to_string().as_bytes());
            if report.shutdown.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(path: &Path) -> Result<Report, Box<dyn Error>> {
    let name = path.display();
    let file = std::fs::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let rows = import::rows(&file).map_err(|error| format!("cannot import {name}: {error}"))?;

    let mail = Arc::default();
    let app = app(&mail).build()?;
    let failures = tokio::spawn(collect(app.failures()));

    let ctx = Context::for_tenant("acme")?.with_actor(Actor::service("csv-import"));
    let refusals = execute(&app, &ctx, rows).await;
    let employees = app.queries().execute(&ctx, ListEmployees).await?;

    // Waits until every handler is done, retries included.
    let shutdown = app.shutdown(Duration::from_secs(30)).await;
    let headcount: Arc<Headcount> = app.service()?;
    let dead_letters = app.operations().failed(&DeliveryFilter::dead()).await?;
    let dropped_letters = app.operations().dropped();

    Ok(Report {
        file: path.file_name().unwrap_or_default().display().to_string(),
        tenant: ctx.tenant().to_string(),
        employees,
        refusals,
        emails: mail.outbox(),
        failures: failures.await?,
        dead_letters,
        dropped_letters,
        departments: headcount.departments(&ctx),
        shutdown,
    })
}

/// The builder finds what is annotated; only the mail server is provided here. `build` proves that each
/// handler gets what it needs, and that each command and query has its handler.
fn app(mail: &Arc<LocalMail>) -> AppBuilder {
    App::builder().provide::<Arc<dyn EmailService>>(mail.clone()).modules(modules![
        quickstart::analytics,
        quickstart::employees,
        quickstart::notifications
    ])
}

/// Executes the command of each row. Refused rows are collected for the report.
async fn execute(app: &App, ctx: &Context, rows: impl Iterator<Item = Row>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for Row { line, command } in rows {
        let reason = match command {
            Ok(command) => match app.commands().execute(ctx, command).await {
                Ok(_employee_id) => continue,
                Err(error) => error.to_string(),
            },
            Err(malformed) => malformed.to_string(),
        };
        refusals.push(Refusal { line, reason });
    }
    refusals
}

/// Collects failed attempts until the application is shut down.
async fn collect(mut stream: Live<Failure>) -> Failures {
    let mut failures = Failures::default();
    while let Some(next) = stream.recv().await {
        match next {
            Ok(failure) => failures.seen.push(failure),
            Err(lagged) => failures.missed += lagged.missed,
        }
    }
    failures
}
