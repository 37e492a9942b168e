//! What can be asked about organizations.

use cqrs_core::prelude::*;

use super::Organization;
use super::repository::OrganizationRepository;
use crate::failure::Failure;
use crate::paging::{Page, PageParams, PageRequest};

/// One organization.
#[derive(Debug, Clone, Query)]
#[query(output = Option<Organization>, error = Failure)]
pub struct FindOrganization {
    /// Which.
    pub id: Uuid,
}

#[query_handler(FindOrganization)]
struct FindOrganizationHandler {
    organizations: Arc<OrganizationRepository>,
}

impl QueryHandler<FindOrganization> for FindOrganizationHandler {
    async fn execute(
        &self,
        query: FindOrganization,
        ctx: &Context,
    ) -> Result<Option<Organization>, Failure> {
        Ok(self.organizations.find(ctx, query.id).await?)
    }
}

/// A page of the tenant's organizations.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<Organization>, error = Failure)]
pub struct ListOrganizations {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListOrganizations)]
struct ListOrganizationsHandler {
    organizations: Arc<OrganizationRepository>,
}

impl QueryHandler<ListOrganizations> for ListOrganizationsHandler {
    async fn execute(
        &self,
        query: ListOrganizations,
        ctx: &Context,
    ) -> Result<Page<Organization>, Failure> {
        let page = PageRequest::new(ctx, "organizations", &query.page)?;
        Ok(self.organizations.list(ctx, &page).await?)
    }
}
