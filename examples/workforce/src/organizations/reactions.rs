//! What organizations have to do with events of other modules.

use cqrs_core::prelude::*;

use super::repository::OrganizationRepository;
use super::{Organization, OrganizationCreated};
use crate::employees::EmployeeCreated;
use crate::integrations::IntegrationSync;
use crate::users::UserRegistered;

/// Whoever registers a company gets its first organization.
#[events_handler(UserRegistered)]
struct FoundOrganization {
    organizations: Arc<OrganizationRepository>,
    events: EventBus,
}

impl EventHandler<UserRegistered> for FoundOrganization {
    async fn handle(&self, event: &UserRegistered, ctx: &Context) -> HandlerResult {
        let Some(company) = &event.company else {
            return Ok(());
        };
        let Some(mut tx) = self.organizations.db.once(ctx, "found-organization").await? else {
            return Ok(());
        };
        let organization = Organization::new(company.clone());
        let is_new = OrganizationRepository::insert(&mut tx, ctx, &organization).await?;
        tx.commit().await?;
        if is_new {
            let (organization_id, name) = (organization.id, organization.name);
            let event =
                OrganizationCreated { organization_id, name, founder_id: Some(event.user_id) };
            self.events.publish(ctx, event).await?;
        }
        Ok(())
    }
}

/// Counts the employees of each organization.
#[events_handler(EmployeeCreated)]
struct CountEmployee {
    organizations: Arc<OrganizationRepository>,
}

impl EventHandler<EmployeeCreated> for CountEmployee {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let Some(id) = event.organization_id else {
            return Ok(());
        };
        if let Some(mut tx) = self.organizations.db.once(ctx, "count-employee").await? {
            OrganizationRepository::count_one_more(&mut tx, ctx, id).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Knows when something was last taken from another program.
#[events_handler(IntegrationSync)]
struct NoteSync {
    organizations: Arc<OrganizationRepository>,
}

impl EventHandler<IntegrationSync> for NoteSync {
    async fn handle(&self, event: &IntegrationSync, ctx: &Context) -> HandlerResult {
        if let Some(id) = ctx.organization().and_then(|id| id.parse().ok()) {
            self.organizations.note_sync(ctx, id, event.synced_at).await?;
        }
        Ok(())
    }
}
