//! Organizations in the database.

use cqrs_core::prelude::*;
use jiff::Timestamp;

use super::Organization;
use crate::db::{Db, DbError, Tx, params};
use crate::paging::{Page, PageRequest};

#[derive(Injectable)]
pub(super) struct OrganizationRepository {
    pub(super) db: Db,
}

impl OrganizationRepository {
    /// `false` if another organization has this name.
    pub(super) async fn insert(
        tx: &mut Tx,
        ctx: &Context,
        organization: &Organization,
    ) -> Result<bool, DbError> {
        let Organization { id, name, headcount, created_at, .. } = organization;
        let inserted = tx
            .execute(
                "INSERT INTO organizations (tenant, id, name, headcount, created_at)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO NOTHING",
                params![ctx.tenant(), *id, name, *headcount, *created_at],
            )
            .await?;
        Ok(inserted == 1)
    }

    pub(super) async fn count_one_more(
        tx: &mut Tx,
        ctx: &Context,
        id: Uuid,
    ) -> Result<(), DbError> {
        tx.execute(
            "UPDATE organizations SET headcount = headcount + 1 WHERE tenant = ? AND id = ?",
            params![ctx.tenant(), id],
        )
        .await?;
        Ok(())
    }

    /// Of two times, the later stays.
    pub(super) async fn note_sync(
        &self,
        ctx: &Context,
        id: Uuid,
        at: Timestamp,
    ) -> Result<(), DbError> {
        let sql = "UPDATE organizations SET last_synced_at = ?
                   WHERE tenant = ? AND id = ? AND COALESCE(last_synced_at, 0) < ?";
        self.db.execute(sql, params![at, ctx.tenant(), id, at]).await?;
        Ok(())
    }

    pub(super) async fn find(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<Organization>, DbError> {
        let row = self
            .db
            .row(
                "SELECT * FROM organizations WHERE tenant = ? AND id = ?",
                params![ctx.tenant(), id],
            )
            .await?;
        row.as_ref().map(Organization::from_row).transpose()
    }

    pub(super) async fn list(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<Organization>, DbError> {
        let rows = self
            .db
            .rows(
                "SELECT * FROM organizations WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?",
                params![ctx.tenant(), page.after(), page.rows()],
            )
            .await?;
        let organizations = rows.iter().map(Organization::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(organizations, |organization: &Organization| organization.id))
    }
}
