//! The beginning and the end of an import; its rows are time tracking's `ImportTimeLogs`.

use cqrs_core::prelude::*;

use super::repository::UpworkRepository;
use super::{ImportStatus, UpworkImport, UpworkSync};
use crate::db::now;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::integrations::IntegrationSync;

/// Notes that a file is going to be imported.
#[derive(Debug, Clone, Command)]
#[command(name = "begin.upwork-import", output = UpworkImport, error = Failure)]
pub struct BeginUpworkImport {
    /// Its name, at most 200 characters.
    pub file: String,
}

#[command_handler(BeginUpworkImport)]
struct BeginUpworkImportHandler {
    upwork: Arc<UpworkRepository>,
}

impl CommandHandler<BeginUpworkImport> for BeginUpworkImportHandler {
    async fn execute(
        &self,
        command: BeginUpworkImport,
        ctx: &Context,
    ) -> Result<UpworkImport, Failure> {
        let mut fields = Fields::default();
        let file = fields.line("file", &command.file, UpworkImport::MAX_FILE);
        fields.finish()?;
        let import = UpworkImport::new(file);
        self.upwork.save(ctx, &import).await?;
        Ok(import)
    }
}

/// Notes what became of a file, and says so to everybody.
#[derive(Debug, Clone, Command)]
#[command(name = "finish.upwork-import", output = UpworkImport, error = Failure)]
pub struct FinishUpworkImport {
    /// What became of it.
    pub import: UpworkImport,
    /// Whether it was read to its end.
    pub is_complete: bool,
}

#[command_handler(FinishUpworkImport)]
struct FinishUpworkImportHandler {
    upwork: Arc<UpworkRepository>,
    events: EventBus,
}

impl CommandHandler<FinishUpworkImport> for FinishUpworkImportHandler {
    async fn execute(
        &self,
        command: FinishUpworkImport,
        ctx: &Context,
    ) -> Result<UpworkImport, Failure> {
        let mut import = command.import;
        let now = now();
        import.finished_at = Some(now);
        import.status =
            if command.is_complete { ImportStatus::Finished } else { ImportStatus::Interrupted };
        self.upwork.save(ctx, &import).await?;
        let UpworkImport { id, ref file, imported, skipped, failed, .. } = import;
        let sync = UpworkSync { import_id: id, file: file.clone(), imported, skipped, failed };
        self.events.publish(ctx, sync).await?;
        let sync = IntegrationSync {
            integration_id: "upwork".to_owned(),
            name: "Upwork".to_owned(),
            taken: imported,
            failed,
            synced_at: now,
        };
        self.events.publish(ctx, sync).await?;
        Ok(import)
    }
}
