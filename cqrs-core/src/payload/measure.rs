//! Measures the JSON of a value without storing it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// How deeply objects and lists may be nested in a payload. `serde_json` reads 127 levels; the rest is for
/// what a store, a transport or an export puts around the payload.
pub(crate) const MAX_PAYLOAD_DEPTH: usize = 100;

/// How many bytes the value has as JSON; an I/O error if it is nested deeper than `depth`.
pub(crate) fn size_within<T: Serialize + ?Sized>(
    value: &T,
    depth: usize,
) -> serde_json::Result<usize> {
    let mut counter = Counter(0);
    let formatter = Bounded { depth: 0, limit: depth };
    value.serialize(&mut Serializer::with_formatter(&mut counter, formatter))?;
    Ok(counter.0)
}

/// Counts what is written.
struct Counter(usize);

impl io::Write for Counter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes without white space, and no deeper than its limit.
struct Bounded {
    depth: usize,
    limit: usize,
}

impl Bounded {
    fn down(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > self.limit {
            let limit = self.limit;
            let reason = format!("it is nested deeper than {limit} levels of objects and lists");
            return Err(io::Error::other(reason));
        }
        Ok(())
    }
}

impl Formatter for Bounded {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.down()?;
        writer.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.down()?;
        writer.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_size_is_that_of_the_text() {
        let value = json!({"a": [1, [], {}, {"b": "ä\n\"", "c": null}], "d": 1.5});
        assert_eq!(size_within(&value, 3).unwrap(), value.to_string().len());
    }

    #[test]
    fn depth_counts_what_lies_inside_each_other_not_beside() {
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let beside = Value::from(vec![nested(9); 20]);
        assert!(size_within(&beside, 10).is_ok());
        let error = size_within(&beside, 9).unwrap_err();
        assert!(error.is_io());
        assert_eq!(error.to_string(), "it is nested deeper than 9 levels of objects and lists");
    }
}
