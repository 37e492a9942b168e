//! Reading what a request must say.

use http::request::Parts;

use super::Refusal;

/// The one value of the header `name`, in lower case, such as `x-tenant-id`.
///
/// Sent twice, it would be up to each reader which one counts, so that a proxy might check one tenant
/// and the application serve another. It is refused instead.
///
/// # Errors
///
/// A [`Refusal`] with status 401 when the header is missing, sent more than once, empty, or not visible
/// ASCII. It names the header and never its value.
///
/// ```
/// use cqrs_core::http::header;
///
/// let (request, ()) = http::Request::get("/").header("x-tenant-id", "acme").body(())?.into_parts();
/// assert_eq!(header(&request, "x-tenant-id").ok(), Some("acme"));
/// assert_eq!(header(&request, "x-user-id").unwrap_err().status(), 401);
/// # Ok::<(), http::Error>(())
/// ```
pub fn header<'r>(request: &'r Parts, name: &str) -> Result<&'r str, Refusal> {
    let mut values = request.headers.get_all(name).iter();
    let problem = match (values.next(), values.next()) {
        (None, _) => "is missing",
        (Some(_), Some(_)) => "was sent more than once",
        (Some(value), None) => match value.to_str() {
            Ok("") => "is empty",
            Ok(text) => return Ok(text),
            Err(_) => "is not visible ASCII",
        },
    };
    Err(Refusal::unauthorized(format!("the header `{name}` {problem}")))
}
