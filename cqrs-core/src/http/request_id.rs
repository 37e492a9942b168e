//! What a request is called in logs, on both sides.

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::context::Context;
use crate::context::message_id;

/// The header that a request id is read from and written to.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
/// The context's attribute that holds the request id.
pub const REQUEST_ID_ATTRIBUTE: &str = "request_id";
/// The longest request id that is taken over, in bytes. For a longer one, a new one is made.
pub const MAX_REQUEST_ID: usize = 128;

/// An identifier that is safe in headers, log lines and attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// The one that was sent, if it is sane, or else a new uuid v7.
    pub(super) fn read_or_make(headers: &HeaderMap) -> Self {
        Self(sent(headers).map_or_else(|| message_id::new().to_string(), str::to_owned))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(&self.0) {
            // Only a map of 32,768 headers has no room; it has to do without.
            let _ = headers.try_insert(REQUEST_ID_HEADER, value);
        }
    }

    /// Adds it to `ctx`: as an attribute, and, where it is a uuid and the user has not continued
    /// another correlation, as the correlation id.
    pub(super) fn join(&self, mut ctx: Context) -> Context {
        if ctx.correlation_id() == ctx.message_id()
            && let Some(id) = self.as_correlation_id()
        {
            ctx = ctx.with_correlation_id(id);
        }
        match ctx.clone().with_attribute(REQUEST_ID_ATTRIBUTE, &self.0) {
            Ok(ctx) => ctx,
            Err(error) => {
                tracing::warn!(request_id = self.0, %error, "a context goes without its request id");
                ctx
            }
        }
    }

    /// The nil and the max uuid stand for "none", and would correlate what has nothing in common.
    fn as_correlation_id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.0).ok().filter(|id| !id.is_nil() && !id.is_max())
    }
}

fn sent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(REQUEST_ID_HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().filter(|id| is_sane(id.as_bytes()))
}

fn is_sane(id: &[u8]) -> bool {
    let is_safe = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'+' | b'/' | b'=')
    };
    (1..=MAX_REQUEST_ID).contains(&id.len()) && id.iter().all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(REQUEST_ID_HEADER, HeaderValue::from_bytes(value).expect("a header"));
        }
        RequestId::read_or_make(&headers)
    }

    #[test]
    fn a_sane_one_is_taken_over() {
        let longest = "x".repeat(MAX_REQUEST_ID);
        for id in ["a", "Root=1-67891233-abcdef", "f3a/9+Q==", "req:7_b.c", &longest] {
            assert_eq!(read(&[id.as_bytes()]).as_str(), id);
        }
    }

    #[test]
    fn for_any_other_a_new_one_is_made() {
        let too_long = "x".repeat(MAX_REQUEST_ID + 1);
        let cases: [&[&[u8]]; 8] = [
            &[],
            &[b""],
            &[b"two words"],
            &[b"{{7*7}}"],
            &[b"tab\there"],
            &["ä".as_bytes()],
            &[b"one", b"two"],
            &[too_long.as_bytes()],
        ];
        for values in cases {
            let made = read(values);
            assert_eq!(Uuid::try_parse(made.as_str()).map(|id| id.get_version_num()), Ok(7));
        }
    }

    #[test]
    fn a_uuid_is_the_correlation_id_unless_the_user_continues_another() {
        let sent = Uuid::from_u128(7);
        let id = read(&[sent.to_string().as_bytes()]);
        let ctx = id.join(Context::system());
        assert_eq!(ctx.correlation_id(), sent);
        assert_eq!(ctx.attribute(REQUEST_ID_ATTRIBUTE), Some(&*sent.to_string()));

        let continued = Context::system().with_correlation_id(Uuid::from_u128(8));
        assert_eq!(id.join(continued).correlation_id(), Uuid::from_u128(8));
        for no_correlation in ["abc", "00000000-0000-0000-0000-000000000000"] {
            let ctx = read(&[no_correlation.as_bytes()]).join(Context::system());
            assert_eq!(ctx.correlation_id(), ctx.message_id(), "{no_correlation}");
        }
    }

    #[test]
    fn a_full_bag_of_attributes_costs_the_attribute_and_not_the_request() {
        let mut ctx = Context::system();
        for key in 0..crate::MAX_ATTRIBUTES {
            ctx = ctx.with_attribute(format!("key-{key}"), "").expect("room");
        }
        let ctx = read(&[b"abc"]).join(ctx);
        assert_eq!(ctx.attribute(REQUEST_ID_ATTRIBUTE), None);
    }
}
