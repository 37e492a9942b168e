//! Where the activity log is plugged in.

use axum::Router;

use crate::http::Buses;

/// The activity log's page and API, behind the session.
pub(crate) fn routes() -> Router<Buses> {
    Router::new()
}
