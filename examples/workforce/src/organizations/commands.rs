//! What can be done with organizations.

use cqrs_core::prelude::*;

use super::repository::OrganizationRepository;
use super::{Organization, OrganizationCreated};
use crate::failure::Failure;
use crate::fields::Fields;

/// Creates an organization.
#[derive(Debug, Clone, Command)]
#[command(output = Organization, error = Failure)]
pub struct CreateOrganization {
    /// At most 200 characters; one organization of a tenant for each.
    pub name: String,
}

#[command_handler(CreateOrganization)]
struct CreateOrganizationHandler {
    organizations: Arc<OrganizationRepository>,
    events: EventBus,
}

impl CommandHandler<CreateOrganization> for CreateOrganizationHandler {
    async fn execute(
        &self,
        command: CreateOrganization,
        ctx: &Context,
    ) -> Result<Organization, Failure> {
        let mut fields = Fields::default();
        let name = fields.line("name", &command.name, Organization::MAX_NAME);
        fields.finish()?;
        let organization = Organization::new(name);

        let mut tx = self.organizations.db.begin().await?;
        if !OrganizationRepository::insert(&mut tx, ctx, &organization).await? {
            return Err(Failure::Conflict("another organization has this name".to_owned()));
        }
        tx.commit().await?;
        let (organization_id, name) = (organization.id, organization.name.clone());
        let event = OrganizationCreated { organization_id, name, founder_id: None };
        self.events.publish(ctx, event).await?;
        Ok(organization)
    }
}
