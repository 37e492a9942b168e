//! Hooks, deliveries and suggestions in the database.

use cqrs_core::prelude::*;

use super::hook::HookWithSecret;
use super::payload::Reading;
use super::{DeliveryStatus, GitHubDelivery, Hook, Secret, TimeLogSuggestion};
use crate::db::{Db, DbError, Tx, now, params};
use crate::paging::{Page, PageRequest};

#[derive(Injectable)]
pub(super) struct GitHubRepository {
    pub(super) db: Db,
}

/// Hooks.
impl GitHubRepository {
    pub(super) async fn insert_hook(
        &self,
        ctx: &Context,
        new: &HookWithSecret,
    ) -> Result<(), DbError> {
        let HookWithSecret { hook, secret } = new;
        let sql = "INSERT INTO github_hooks (tenant, id, name, secret, organization_id, created_at)
                   VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![
            ctx.tenant(),
            hook.id,
            &hook.name,
            secret.reveal(),
            hook.organization_id.clone(),
            hook.created_at
        ];
        self.db.execute(sql, values).await?;
        Ok(())
    }

    pub(super) async fn hook(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<HookWithSecret>, DbError> {
        let sql = "SELECT * FROM github_hooks WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        let hook = row.map(|row| {
            let secret = Secret::stored(row.text("secret")?);
            Ok(HookWithSecret { hook: Hook::from_row(&row)?, secret })
        });
        hook.transpose()
    }

    pub(super) async fn hooks(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<Hook>, DbError> {
        let sql = "SELECT id, name, organization_id, created_at, last_delivery_at
                   FROM github_hooks WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let rows = self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?;
        let hooks = rows.iter().map(Hook::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(hooks, |hook: &Hook| hook.id))
    }
}

/// Deliveries.
impl GitHubRepository {
    /// With its body, and under which identifier; `None` if it was taken before. One that could not be read
    /// is taken again.
    pub(super) async fn insert_delivery(
        &self,
        ctx: &Context,
        delivery: &GitHubDelivery,
        body: Vec<u8>,
    ) -> Result<Option<Uuid>, DbError> {
        let mut tx = self.db.begin().await?;
        let taken = tx
            .row(
                "INSERT INTO github_deliveries
                     (tenant, id, hook_id, guid, kind, size, status, received_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, hook_id, guid) DO UPDATE
                     SET status = excluded.status, summary = NULL
                     WHERE github_deliveries.status = 'failed'
                 RETURNING id",
                params![
                    ctx.tenant(),
                    delivery.id,
                    delivery.hook_id,
                    &delivery.guid,
                    &delivery.kind,
                    delivery.size,
                    delivery.status.as_str(),
                    delivery.received_at,
                ],
            )
            .await?;
        let Some(id) = taken.map(|row| row.uuid("id")).transpose()? else {
            return Ok(None);
        };
        tx.execute(
            "INSERT INTO github_bodies (tenant, delivery_id, body) VALUES (?, ?, ?)
             ON CONFLICT (tenant, delivery_id) DO UPDATE SET body = excluded.body",
            params![ctx.tenant(), id, body],
        )
        .await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    pub(super) async fn deliveries(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<GitHubDelivery>, DbError> {
        let sql = "SELECT * FROM github_deliveries WHERE tenant = ? AND id < ?
                   ORDER BY id DESC LIMIT ?";
        let rows = self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?;
        let deliveries = rows.iter().map(GitHubDelivery::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(deliveries, |delivery: &GitHubDelivery| delivery.id))
    }

    /// What was sent with a delivery that nobody has read; `None` once somebody has.
    pub(super) async fn unread_body(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<Vec<u8>>, DbError> {
        let sql = "SELECT body FROM github_bodies
                   JOIN github_deliveries ON github_deliveries.tenant = github_bodies.tenant
                       AND github_deliveries.id = github_bodies.delivery_id
                   WHERE github_bodies.tenant = ? AND github_bodies.delivery_id = ?
                       AND github_deliveries.status = 'received'";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.map(|row| row.bytes("body")).transpose()
    }

    /// Some of the deliveries that nobody has read, with their hooks' names and organizations: those
    /// after this one.
    pub(super) async fn unread(
        &self,
        ctx: &Context,
        after: Uuid,
    ) -> Result<Vec<(GitHubDelivery, String, Option<String>)>, DbError> {
        let sql = "SELECT github_deliveries.*, github_hooks.name, github_hooks.organization_id
                   FROM github_deliveries
                   JOIN github_hooks ON github_hooks.tenant = github_deliveries.tenant
                       AND github_hooks.id = github_deliveries.hook_id
                   WHERE github_deliveries.tenant = ? AND github_deliveries.id > ?
                       AND github_deliveries.status = 'received'
                   ORDER BY github_deliveries.id LIMIT 100";
        let rows = self.db.rows(sql, params![ctx.tenant(), after]).await?;
        let read = rows.iter().map(|row| {
            let organization = row.text_opt("organization_id")?;
            Ok((GitHubDelivery::from_row(row)?, row.text("name")?, organization))
        });
        read.collect()
    }

    /// The tenants that have something nobody has read: the one statement here that looks at all of
    /// them, for those who start the product.
    pub(super) async fn tenants_with_unread(&self) -> Result<Vec<String>, DbError> {
        let sql = "SELECT DISTINCT tenant FROM github_deliveries WHERE status = 'received'";
        let rows = self.db.rows(sql, params![]).await?;
        rows.iter().map(|row| row.text("tenant")).collect()
    }

    /// Notes what a delivery says; `false` if somebody has before.
    pub(super) async fn note(
        tx: &mut Tx,
        ctx: &Context,
        delivery_id: Uuid,
        hook_id: Uuid,
        reading: &Reading,
    ) -> Result<bool, DbError> {
        let noted = tx
            .execute(
                "UPDATE github_deliveries
                 SET status = ?, summary = ?, repository = ?, url = ?, sender = ?
                 WHERE tenant = ? AND id = ? AND status = 'received'",
                params![
                    DeliveryStatus::Processed.as_str(),
                    &reading.summary,
                    reading.repository.clone(),
                    reading.url.clone(),
                    reading.sender.clone(),
                    ctx.tenant(),
                    delivery_id,
                ],
            )
            .await?;
        if noted == 1 {
            tx.execute(
                "UPDATE github_hooks SET last_delivery_at = ? WHERE tenant = ? AND id = ?",
                params![now(), ctx.tenant(), hook_id],
            )
            .await?;
        }
        Ok(noted == 1)
    }
}

/// Deliveries that cannot be read.
impl GitHubRepository {
    /// Nobody tries to read it any more, unless GitHub delivers it again.
    pub(super) async fn give_up(&self, ctx: &Context, delivery_id: Uuid) -> Result<(), DbError> {
        let sql = "UPDATE github_deliveries SET status = ?, summary = ?
                   WHERE tenant = ? AND id = ? AND status = 'received'";
        let summary = "it could not be read, and the log says why; GitHub may deliver it again";
        let status = DeliveryStatus::Failed.as_str();
        self.db.execute(sql, params![status, summary, ctx.tenant(), delivery_id]).await?;
        Ok(())
    }
}

/// Suggestions.
impl GitHubRepository {
    pub(super) async fn suggest(
        tx: &mut Tx,
        ctx: &Context,
        suggestion: &TimeLogSuggestion,
    ) -> Result<(), DbError> {
        tx.execute(
            "INSERT INTO github_suggestions (tenant, id, delivery_id, employee_id, project, note,
                 started_at, minutes, status)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (tenant, delivery_id, employee_id) DO NOTHING",
            params![
                ctx.tenant(),
                suggestion.id,
                suggestion.delivery_id,
                suggestion.employee_id,
                &suggestion.project,
                &suggestion.note,
                suggestion.started_at,
                suggestion.minutes,
                suggestion.status.as_str(),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn suggestion(
        &self,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<TimeLogSuggestion>, DbError> {
        let sql = "SELECT * FROM github_suggestions WHERE tenant = ? AND id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), id]).await?;
        row.as_ref().map(TimeLogSuggestion::from_row).transpose()
    }

    pub(super) async fn suggestions(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<TimeLogSuggestion>, DbError> {
        let sql = "SELECT * FROM github_suggestions WHERE tenant = ? AND id < ?
                   ORDER BY id DESC LIMIT ?";
        let rows = self.db.rows(sql, params![ctx.tenant(), page.after(), page.rows()]).await?;
        let suggestions = rows.iter().map(TimeLogSuggestion::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(suggestions, |suggestion: &TimeLogSuggestion| suggestion.id))
    }

    /// Reserves an open suggestion for a time log, unless it is reserved for another; as it is then.
    pub(super) async fn reserve(
        &self,
        ctx: &Context,
        id: Uuid,
        time_log_id: Uuid,
    ) -> Result<Option<TimeLogSuggestion>, DbError> {
        let sql = "UPDATE github_suggestions SET time_log_id = ?
                   WHERE tenant = ? AND id = ? AND status = 'open' AND time_log_id IS NULL";
        self.db.execute(sql, params![time_log_id, ctx.tenant(), id]).await?;
        self.suggestion(ctx, id).await
    }

    /// What is reserved for that time log has become it; `false` if nothing is.
    pub(super) async fn accept(&self, ctx: &Context, time_log_id: Uuid) -> Result<bool, DbError> {
        let sql = "UPDATE github_suggestions SET status = 'accepted'
                   WHERE tenant = ? AND time_log_id = ?";
        Ok(self.db.execute(sql, params![ctx.tenant(), time_log_id]).await? == 1)
    }

    /// What is reserved for that time log, and has not become it, no longer is.
    pub(super) async fn free(&self, ctx: &Context, time_log_id: Uuid) -> Result<(), DbError> {
        let sql = "UPDATE github_suggestions SET time_log_id = NULL
                   WHERE tenant = ? AND time_log_id = ? AND status = 'open'";
        self.db.execute(sql, params![ctx.tenant(), time_log_id]).await?;
        Ok(())
    }

    /// `false` if the suggestion is no longer open, or reserved.
    pub(super) async fn dismiss(&self, ctx: &Context, id: Uuid) -> Result<bool, DbError> {
        let sql = "UPDATE github_suggestions SET status = 'dismissed'
                   WHERE tenant = ? AND id = ? AND status = 'open' AND time_log_id IS NULL";
        Ok(self.db.execute(sql, params![ctx.tenant(), id]).await? == 1)
    }

    /// Whatever became that time log is open again.
    pub(super) async fn reopen(&self, ctx: &Context, time_log_id: Uuid) -> Result<(), DbError> {
        let sql = "UPDATE github_suggestions SET status = 'open', time_log_id = NULL
                   WHERE tenant = ? AND time_log_id = ?";
        self.db.execute(sql, params![ctx.tenant(), time_log_id]).await?;
        Ok(())
    }
}
