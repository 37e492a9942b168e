//! The pages.

use std::sync::Arc;

use axum::Router;

use super::Buses;
use crate::users::Sessions;

pub(super) fn routes(_sessions: Arc<Sessions>, _demo: bool) -> Router<Buses> {
    Router::new()
}
