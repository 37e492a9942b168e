//! Measuring a payload without keeping it.

use std::io;

use serde::Serialize;

/// How many bytes `payload` has as JSON.
///
/// # Errors
///
/// When `payload` has no JSON form, such as a map whose keys are no strings.
pub(crate) fn payload_size(payload: &impl Serialize) -> serde_json::Result<usize> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, payload)?;
    Ok(counter.0)
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
