//! What can be asked about hooks, deliveries and suggestions.

use cqrs_core::prelude::*;

use super::repository::GitHubRepository;
use super::{GitHubDelivery, Hook, TimeLogSuggestion};
use crate::failure::Failure;
use crate::paging::{Page, PageParams, PageRequest};

/// A page of the tenant's hooks.
#[derive(Debug, Clone, Default, Query)]
#[query(name = "list.github-hooks", output = Page<Hook>, error = Failure)]
pub struct ListGitHubHooks {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListGitHubHooks)]
struct ListGitHubHooksHandler {
    github: Arc<GitHubRepository>,
}

impl QueryHandler<ListGitHubHooks> for ListGitHubHooksHandler {
    async fn execute(&self, query: ListGitHubHooks, ctx: &Context) -> Result<Page<Hook>, Failure> {
        let page = PageRequest::new(ctx, "github-hooks", &query.page)?;
        Ok(self.github.hooks(ctx, &page).await?)
    }
}

/// Whether there is such a hook.
#[derive(Debug, Clone, Copy, Query)]
#[query(name = "has.github-hook", output = bool, error = Failure)]
pub struct HasGitHubHook {
    /// Which.
    pub id: Uuid,
}

#[query_handler(HasGitHubHook)]
struct HasGitHubHookHandler {
    github: Arc<GitHubRepository>,
}

impl QueryHandler<HasGitHubHook> for HasGitHubHookHandler {
    async fn execute(&self, query: HasGitHubHook, ctx: &Context) -> Result<bool, Failure> {
        Ok(self.github.hook(ctx, query.id).await?.is_some())
    }
}

/// A page of what GitHub told.
#[derive(Debug, Clone, Default, Query)]
#[query(name = "list.github-deliveries", output = Page<GitHubDelivery>, error = Failure)]
pub struct ListGitHubDeliveries {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListGitHubDeliveries)]
struct ListGitHubDeliveriesHandler {
    github: Arc<GitHubRepository>,
}

impl QueryHandler<ListGitHubDeliveries> for ListGitHubDeliveriesHandler {
    async fn execute(
        &self,
        query: ListGitHubDeliveries,
        ctx: &Context,
    ) -> Result<Page<GitHubDelivery>, Failure> {
        let page = PageRequest::new(ctx, "github-deliveries", &query.page)?;
        Ok(self.github.deliveries(ctx, &page).await?)
    }
}

/// A page of suggested time logs.
#[derive(Debug, Clone, Default, Query)]
#[query(output = Page<TimeLogSuggestion>, error = Failure)]
pub struct ListTimeLogSuggestions {
    /// Which page.
    pub page: PageParams,
}

#[query_handler(ListTimeLogSuggestions)]
struct ListTimeLogSuggestionsHandler {
    github: Arc<GitHubRepository>,
}

impl QueryHandler<ListTimeLogSuggestions> for ListTimeLogSuggestionsHandler {
    async fn execute(
        &self,
        query: ListTimeLogSuggestions,
        ctx: &Context,
    ) -> Result<Page<TimeLogSuggestion>, Failure> {
        let page = PageRequest::new(ctx, "time-log-suggestions", &query.page)?;
        Ok(self.github.suggestions(ctx, &page).await?)
    }
}
