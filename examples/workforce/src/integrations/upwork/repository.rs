//! Imports in the database.

use cqrs_core::prelude::*;

use super::UpworkImport;
use crate::db::{Db, DbError, params};
use crate::paging::{Page, PageRequest};

#[derive(Injectable)]
pub(super) struct UpworkRepository {
    db: Db,
}

impl UpworkRepository {
    /// Makes it as it is, or brings it up to date.
    pub(super) async fn save(&self, ctx: &Context, import: &UpworkImport) -> Result<(), DbError> {
        let problems = serde_json::to_string(&import.problems).unwrap_or_else(|_| "[]".to_owned());
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let sql = "INSERT INTO upwork_imports (tenant, id, file, status, imported, skipped, failed,
                       problems, started_at, finished_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                   ON CONFLICT (tenant, id) DO UPDATE
                   SET status = excluded.status, imported = excluded.imported,
                       skipped = excluded.skipped, failed = excluded.failed,
                       problems = excluded.problems, finished_at = excluded.finished_at";
        let values = params![
            ctx.tenant(),
            import.id,
            &import.file,
            import.status.as_str(),
            count(import.imported),
            count(import.skipped),
            count(import.failed),
            problems,
            import.started_at,
            import.finished_at,
        ];
        self.db.execute(sql, values).await?;
        Ok(())
    }

    pub(super) async fn find(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<UpworkImport>, DbError> {
        let sql = "SELECT * FROM upwork_imports WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(UpworkImport::from_row).transpose()
    }

    pub(super) async fn list(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<UpworkImport>, DbError> {
        let sql = "SELECT * FROM upwork_imports WHERE tenant = ? AND id < ?
                   ORDER BY id DESC LIMIT ?";
        let rows = self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?;
        let imports = rows.iter().map(UpworkImport::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(imports, |import: &UpworkImport| import.id))
    }
}
