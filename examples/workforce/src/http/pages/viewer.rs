//! Whoever is signed in.

use cqrs_core::{Actor, Context};

/// Who looks at a page, and at which.
pub(super) struct Viewer {
    pub(super) tenant: String,
    pub(super) user: String,
    /// The path of the page.
    pub(super) here: &'static str,
}

impl Viewer {
    pub(super) fn new(ctx: &Context, here: &'static str) -> Self {
        let user = ctx.actor().and_then(Actor::name).unwrap_or("you").to_owned();
        Self { tenant: ctx.tenant().to_string(), user, here }
    }
}
