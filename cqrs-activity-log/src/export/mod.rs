//! Entries as JSON Lines and CSV: streams of bytes.

mod csv;

use cqrs_core::Context;
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::entry::Entry;
use crate::log::ActivityLog;
use crate::query::{Filter, Order, ReadError};

/// Exports.
impl ActivityLog {
    /// All entries of the tenant that match `filter` now, as [JSON Lines](https://jsonlines.org): an [`Entry`] in
    /// each line. Most pieces have some hundred kilobytes. A slow reader slows down reading from the database, so
    /// nothing is buffered.
    ///
    /// # Errors
    ///
    /// The last item is a [`ReadError`] when the filter cannot be used, or the database fails.
    pub fn export_json_lines(
        &self,
        ctx: &Context,
        filter: &Filter,
        order: Order,
    ) -> impl Stream<Item = Result<Vec<u8>, ReadError>> + Send + use<> {
        self.pieces(ctx, filter, order, json_lines)
    }

    /// The same as CSV ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)), UTF-8 with a byte order mark, with a first
    /// line of names. Changes and data are JSON in one field each. A field of more than 32,767 characters, which no cell
    /// can hold, is cut, and its end says so.
    ///
    /// A spreadsheet runs a text that begins like a formula. Each text that begins with `=`, `+`, `-`, `@` (also in
    /// their full-width forms), a tab or a line break therefore gets a `'` before it, as
    /// [OWASP](https://owasp.org/www-community/attacks/CSV_Injection) advises. A `'` is also added inside of a text, where
    /// a cell would begin if the file was read with `;`, `|` or a tab as separator, or without quotes.
    ///
    /// # Errors
    ///
    /// The last item is a [`ReadError`] when the filter cannot be used, or the database fails.
    pub fn export_csv(
        &self,
        ctx: &Context,
        filter: &Filter,
        order: Order,
    ) -> impl Stream<Item = Result<Vec<u8>, ReadError>> + Send + use<> {
        let head = stream::once(async { Ok(csv::head()) });
        head.chain(self.pieces(ctx, filter, order, csv::lines))
    }

    fn pieces(
        &self,
        ctx: &Context,
        filter: &Filter,
        order: Order,
        write: fn(&[Entry]) -> Vec<u8>,
    ) -> impl Stream<Item = Result<Vec<u8>, ReadError>> + Send + use<> {
        self.batches(ctx, filter, order).map_ok(move |entries| write(&entries))
    }
}

fn json_lines(entries: &[Entry]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(entries.len() * 1024);
    for entry in entries {
        // Cannot fail: all keys are texts, and the writer is memory.
        let _ = serde_json::to_writer(&mut lines, entry);
        lines.push(b'\n');
    }
    lines
}
