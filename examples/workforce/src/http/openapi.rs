//! What the API says of itself.

use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Workforce",
        description = "Employees, organizations, users and what they do. Every answer other than 2xx \
                       is a problem document (RFC 9457).",
    ),
    security(("bearer" = []), ("cookie" = [])),
    modifiers(&Schemes),
)]
pub(super) struct ApiDoc;

/// How a client says who it is.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("workforce_session"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}
