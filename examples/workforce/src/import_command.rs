//! `workforce import-upwork`: a work diary from the command line.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::body::Bytes;
use clap::Args;
use cqrs_core::{Actor, App, Context};
use futures_util::{Stream, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::access::Role;
use crate::activity;
use crate::cli::{DRAIN_WITHIN, Database, offline};
use crate::config::{Config, PublicUrl};
use crate::console::{complain, say};
use crate::db::Db;
use crate::integrations::upwork::{ImportError, UpworkImport, UpworkImporter};
use crate::notifications::MailSettings;
use crate::server::application;
use crate::users::{FindOwner, FindTenant};

/// How much of the file is read at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// What to import, and where to.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportUpwork {
    /// The CSV file; a sample lies in examples/workforce/samples
    file: PathBuf,
    /// Whose work it is
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    database: Database,
    /// Writes e-mails into this folder
    #[arg(long, default_value = "mail", conflicts_with = "smtp")]
    mail: PathBuf,
    #[arg(
        long,
        env = "SMTP_URL",
        hide_env_values = true,
        help = "Sends e-mails to this server instead, smtps://user:password@host"
    )]
    smtp: Option<String>,
}

impl ImportUpwork {
    /// Fails when a row did, too.
    pub(crate) async fn run(self) -> ExitCode {
        match self.import().await {
            Ok(import) => {
                say(report(&import).trim_end());
                if import.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                if let Some(ImportError::Interrupted { import: Some(import), .. }) =
                    error.downcast_ref()
                {
                    say(report(import).trim_end());
                }
                complain(format_args!("error: {error}"));
                ExitCode::FAILURE
            }
        }
    }

    async fn import(self) -> Result<UpworkImport, Box<dyn Error + Send + Sync>> {
        let shown = self.file.display();
        let file = File::open(&self.file).await;
        let file = file.map_err(|error| format!("cannot open `{shown}`: {error}"))?;
        let length = file.metadata().await?.len();
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| shown.to_string());
        let ctx = Context::for_tenant(&self.tenant)?;
        let db = Db::open(&self.database.database).await?;
        let mail = self.smtp.map_or(MailSettings::Folder(self.mail), MailSettings::Smtp);
        let config = Config { mail, ..offline() };
        let log = activity::open(&self.database.database).await?;
        let url = PublicUrl::new("http://127.0.0.1:3000");
        let app = application(&config, &db, &url, &log)?.build()?;
        app.start().await?;

        let imported = import(&app, ctx, &name, file, length).await;
        let report = app.shutdown(DRAIN_WITHIN).await;
        db.close().await;
        if !report.is_clean() {
            complain(report);
        }
        imported
    }
}

async fn import(
    app: &App,
    ctx: Context,
    name: &str,
    file: File,
    length: u64,
) -> Result<UpworkImport, Box<dyn Error + Send + Sync>> {
    if !app.queries().execute(&ctx, FindTenant).await? {
        return Err(format!("there is no tenant `{}`", ctx.tenant()).into());
    }
    let owner = app.queries().execute(&ctx, FindOwner).await?;
    let ctx = Role::Owner.join(ctx).with_actor(Actor::service("upwork").named("Upwork import"));
    let ctx = match owner.and_then(|owner| owner.organization_id) {
        Some(id) => ctx.with_organization(id),
        None => ctx,
    };
    let importer = app.service::<Arc<UpworkImporter>>()?;
    // Nothing is drawn where nobody looks.
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = "{bar:30} {binary_bytes} of {binary_total_bytes}, {msg} rows, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    let importing = importer.import(&ctx, name, pieces(file), |progress| {
        bar.set_position(progress.bytes);
        bar.set_message(progress.rows.to_string());
    });
    let done = importing.await;
    bar.finish_and_clear();
    Ok(done?)
}

fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

fn report(import: &UpworkImport) -> String {
    let UpworkImport { file, imported, skipped, failed, problems, .. } = import;
    let mut report = format!("{file}: {imported} imported, {skipped} skipped, {failed} failed\n");
    for problem in problems {
        // Writing to a text does not fail.
        let _ = writeln!(report, "  line {}: {}", problem.line, problem.reason);
    }
    if *failed > problems.len() as u64 {
        report.push_str("  and more\n");
    }
    report
}
