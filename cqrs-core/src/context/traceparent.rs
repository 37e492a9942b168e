//! The W3C trace context header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A [W3C `traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header): which distributed trace a
/// message belongs to.
///
/// ```
/// use cqrs_core::context::TraceParent;
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = header.parse()?;
/// assert_eq!(parent.flags(), 1);
/// assert_eq!(parent.to_string(), header);
/// # Ok::<(), cqrs_core::context::InvalidTraceParent>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    // As bytes, because a `u128` would align every context to 16.
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// Makes a `traceparent`; `None` if either identifier is zero, which the recommendation calls invalid.
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then(|| Self {
            trace_id: trace_id.to_be_bytes(),
            span_id: span_id.to_be_bytes(),
            flags,
        })
    }

    /// The whole trace's identifier.
    pub fn trace_id(&self) -> u128 {
        u128::from_be_bytes(self.trace_id)
    }

    /// The calling span's identifier.
    pub fn span_id(&self) -> u64 {
        u64::from_be_bytes(self.span_id)
    }

    /// The trace flags; bit 0 says "sampled".
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(header: &str) -> Result<Self, Self::Err> {
        parse(header).ok_or(InvalidTraceParent)
    }
}

/// A later version may append fields after another dash; version 00 may not (section 4.3).
fn parse(header: &str) -> Option<TraceParent> {
    let mut parts = header.splitn(5, '-');
    let version = lower_hex(parts.next()?, 2)?;
    let trace_id = lower_hex(parts.next()?, 32)?;
    let span_id = u64::try_from(lower_hex(parts.next()?, 16)?).ok()?;
    let flags = u8::try_from(lower_hex(parts.next()?, 2)?).ok()?;
    let has_more = parts.next().is_some();
    if version == 0xff || (version == 0 && has_more) {
        return None;
    }
    TraceParent::new(trace_id, span_id, flags)
}

fn lower_hex(digits: &str, length: usize) -> Option<u128> {
    let is_lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != length || !digits.bytes().all(is_lower_hex) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

impl TryFrom<String> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from(header: String) -> Result<Self, Self::Error> {
        header.parse()
    }
}

impl From<TraceParent> for String {
    fn from(parent: TraceParent) -> Self {
        parent.to_string()
    }
}

/// A header is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a W3C traceparent: expected `00-<32 hex>-<16 hex>-<2 hex>` in lower case, identifiers not zero"
)]
pub struct InvalidTraceParent;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_the_recommendation_calls_invalid() {
        for header in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(header.parse::<TraceParent>(), Err(InvalidTraceParent), "{header}");
        }
    }

    #[test]
    fn reads_the_known_fields_of_a_later_version() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(later.parse::<TraceParent>().is_ok());
    }
}
