//! Reads required headers of a request.

use http::request::Parts;

use crate::Problem;

/// The only value of the header `name`. Write the name in lower case, such as `x-tenant-id`.
///
/// A header that is sent twice is refused, because a proxy might check the first value while the
/// application uses the second one.
///
/// # Errors
///
/// A [`Problem`] with status 401 if the header is missing, sent more than once, empty, or not visible
/// ASCII. It contains the name of the header, never its value.
///
/// ```
/// use cqrs_http::header;
///
/// let (request, ()) = http::Request::get("/").header("x-tenant-id", "acme").body(())?.into_parts();
/// assert_eq!(header(&request, "x-tenant-id").ok(), Some("acme"));
/// assert_eq!(header(&request, "x-user-id").unwrap_err().status(), 401);
/// # Ok::<(), http::Error>(())
/// ```
pub fn header<'r>(request: &'r Parts, name: &str) -> Result<&'r str, Problem> {
    let mut values = request.headers.get_all(name).iter();
    let wrong = match (values.next(), values.next()) {
        (None, _) => "is missing",
        (Some(_), Some(_)) => "was sent more than once",
        (Some(value), None) => match value.to_str() {
            Ok("") => "is empty",
            Ok(text) => return Ok(text),
            Err(_) => "is not visible ASCII",
        },
    };
    Err(Problem::unauthorized(format!("the header `{name}` {wrong}")))
}
