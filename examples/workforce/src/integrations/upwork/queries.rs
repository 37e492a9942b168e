//! What can be asked about imports.

use cqrs_core::prelude::*;

use super::UpworkImport;
use super::repository::UpworkRepository;
use crate::failure::Failure;
use crate::paging::{Page, PageParams, PageRequest};

/// One import.
#[derive(Debug, Clone, Query)]
#[query(output = Option<UpworkImport>, error = Failure)]
pub struct FindUpworkImport {
    /// Which.
    pub id: Uuid,
}

#[query_handler(FindUpworkImport)]
struct FindUpworkImportHandler {
    upwork: Arc<UpworkRepository>,
}

impl QueryHandler<FindUpworkImport> for FindUpworkImportHandler {
    async fn execute(
        &self,
        query: FindUpworkImport,
        ctx: &Context,
    ) -> Result<Option<UpworkImport>, Failure> {
        Ok(self.upwork.find(ctx, query.id).await?)
    }
}

/// A page of imports.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<UpworkImport>, error = Failure)]
pub struct ListUpworkImports {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListUpworkImports)]
struct ListUpworkImportsHandler {
    upwork: Arc<UpworkRepository>,
}

impl QueryHandler<ListUpworkImports> for ListUpworkImportsHandler {
    async fn execute(
        &self,
        query: ListUpworkImports,
        ctx: &Context,
    ) -> Result<Page<UpworkImport>, Failure> {
        let page = PageRequest::new(ctx, "upwork-imports", &query.page)?;
        Ok(self.upwork.list(ctx, &page).await?)
    }
}
