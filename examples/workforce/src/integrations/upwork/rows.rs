//! The rows of a CSV file ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)) that arrives in pieces.
//!
//! Nothing is held but the row being read, so that a file may be of any size. One row may not: a longer one
//! is reported and skipped, as is a quote that is never closed, which would otherwise swallow the file.

use csv_core::{ReadRecordResult, Reader};

/// The longest row, in bytes.
pub(super) const MAX_ROW: usize = 16 * 1024;
/// How much of a row arrives before it is looked at again, if no line ends meanwhile.
const WORTH_A_LOOK: usize = 4 * 1024;
/// The most columns.
pub(super) const MAX_COLUMNS: usize = 64;

/// Splits what it is fed into rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// What was fed and is not yet read; never much more than one row and one piece.
    input: Vec<u8>,
    /// How much of `input` has been read.
    read: usize,
    /// How much after that was looked at, and is no whole row.
    looked_at: usize,
    /// Whether a line may have ended since.
    has_line_end: bool,
    /// The line that comes next, from 1.
    line: u64,
    has_ended: bool,
    parser: Reader,
    is_inside_skipped_line: bool,
    fields: Box<[u8]>,
    ends: [usize; MAX_COLUMNS],
    /// How many bytes were looked at, however often.
    #[cfg(test)]
    effort: usize,
}

/// One row, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line where it begins, from 1.
    pub(super) line: u64,
    /// Its fields, without the space around them.
    pub(super) fields: Result<Vec<String>, RowError>,
}

/// Why a row cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Over `MAX_ROW`.
    #[error("the row is longer than {MAX_ROW} bytes")]
    TooLong,
    /// A quote opens and nothing closes it within `MAX_ROW` bytes.
    #[error("a quote is opened and never closed")]
    OpenQuote,
    /// Over `MAX_COLUMNS`.
    #[error("the row has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    /// Bytes that are no text.
    #[error("the row is not UTF-8 text")]
    NotUtf8,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            input: Vec::new(),
            read: 0,
            looked_at: 0,
            has_line_end: false,
            line: 1,
            has_ended: false,
            parser: Reader::new(),
            is_inside_skipped_line: false,
            fields: vec![0; MAX_ROW].into_boxed_slice(),
            ends: [0; MAX_COLUMNS],
            #[cfg(test)]
            effort: 0,
        }
    }
}

impl Rows {
    /// Takes the next piece of the file. Take the rows out, with [`next_row`](Self::next_row), before feeding
    /// another one.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        self.input.drain(..self.read);
        self.read = 0;
        self.input.extend_from_slice(piece);
        self.has_line_end |= piece.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    }

    /// Says that the file ends here.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The next row; `None` when more has to be fed first, or, after [`end`](Self::end), when there is no
    /// other.
    pub(super) fn next_row(&mut self) -> Option<Row> {
        if !self.skip_line_ends() || !self.is_worth_a_look() {
            return None;
        }
        #[cfg(test)]
        {
            self.effort += (self.input.len() - self.read).min(MAX_ROW);
        }
        let line = self.line;
        let rest = &self.input[self.read..];
        let window = &rest[..rest.len().min(MAX_ROW)];
        // Begun anew for each row: what one row did wrong does not reach the next.
        let parser = &mut self.parser;
        parser.reset();
        let (mut state, mut taken, length, mut count) =
            parser.read_record(window, &mut self.fields, &mut self.ends);
        let is_whole = self.has_ended && window.len() == rest.len();
        if state == ReadRecordResult::InputEmpty && is_whole {
            if is_in_quotes(window) {
                return Some(self.give_up(line, RowError::OpenQuote));
            }
            let (last, more, _, end) = parser.read_record(&[], &mut [], &mut self.ends[count..]);
            (state, taken, count) = (last, taken + more, count + end);
        }
        let fields = match state {
            ReadRecordResult::Record => text(&self.fields[..length], &self.ends[..count]),
            ReadRecordResult::OutputEndsFull => {
                return Some(self.give_up(line, RowError::TooManyColumns));
            }
            _ if window.len() == MAX_ROW => {
                let reason =
                    if is_in_quotes(window) { RowError::OpenQuote } else { RowError::TooLong };
                return Some(self.give_up(line, reason));
            }
            _ => {
                self.looked_at = rest.len();
                self.has_line_end = false;
                return None;
            }
        };
        self.advance(taken);
        Some(Row { line, fields })
    }

    /// Whether there may be a row now. Each look begins at the row's beginning: to look at every piece, however
    /// small, or at every line of a long quote, would cost the square of the row's length.
    fn is_worth_a_look(&self) -> bool {
        let there = self.input.len() - self.read;
        let new = there - self.looked_at;
        self.has_ended
            || there >= MAX_ROW
            || new >= WORTH_A_LOOK
            || (self.has_line_end && new >= self.looked_at / 8)
    }

    /// Goes on to the beginning of a row; whether there is one.
    fn skip_line_ends(&mut self) -> bool {
        if self.is_inside_skipped_line {
            self.skip_line();
        }
        let rest = &self.input[self.read..];
        self.advance(rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count());
        self.read < self.input.len()
    }

    /// Leaves a row that makes no sense, and goes on with the line after its first.
    fn give_up(&mut self, line: u64, reason: RowError) -> Row {
        self.skip_line();
        Row { line, fields: Err(reason) }
    }

    fn skip_line(&mut self) {
        let rest = &self.input[self.read..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        self.is_inside_skipped_line = end.is_none();
        self.advance(end.map_or(rest.len(), |end| end + 1));
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.input[self.read..self.read + bytes];
        self.line += passed.split(|byte| *byte == b'\n').skip(1).count() as u64;
        self.read += bytes;
        if bytes > 0 {
            // What is left may hold rows.
            self.looked_at = 0;
            self.has_line_end = true;
        }
    }
}

/// Whether a row that begins here has not left its last quoted field.
fn is_in_quotes(row: &[u8]) -> bool {
    let (mut in_quotes, mut at_field_start) = (false, true);
    for byte in row {
        match byte {
            b'"' if in_quotes || at_field_start => in_quotes = !in_quotes,
            _ => {}
        }
        // A doubled quote leaves the field and enters it again.
        at_field_start = matches!(byte, b',' | b'"');
    }
    in_quotes
}

fn text(fields: &[u8], ends: &[usize]) -> Result<Vec<String>, RowError> {
    let mut start = 0;
    let fields = ends.iter().map(|&end| {
        let field = std::str::from_utf8(&fields[start..end]).map_err(|_| RowError::NotUtf8)?;
        start = end;
        Ok(field.trim().to_owned())
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each row's line with its fields joined by `|`, or why it is none; the file in pieces of that size.
    fn read_in_pieces(file: &[u8], size: usize) -> Vec<(u64, String)> {
        let (mut rows, mut found) = (Rows::default(), Vec::new());
        let mut take = |rows: &mut Rows| {
            while let Some(row) = rows.next_row() {
                let text = row.fields.map_or_else(|error| error.to_string(), |it| it.join("|"));
                found.push((row.line, text));
            }
        };
        for piece in file.chunks(size) {
            rows.feed(piece);
            take(&mut rows);
            assert!(rows.input.len() - rows.read <= MAX_ROW + size, "more than a row is held");
        }
        rows.end();
        take(&mut rows);
        found
    }

    fn read(file: impl AsRef<[u8]>) -> Vec<(u64, String)> {
        read_in_pieces(file.as_ref(), 4096)
    }

    fn expected<const N: usize>(rows: [(u64, &str); N]) -> Vec<(u64, String)> {
        rows.map(|(line, text)| (line, text.to_owned())).into()
    }

    #[test]
    fn files_from_windows_with_a_byte_order_mark_and_blank_lines_are_read() {
        let file = "\u{feff}a,b\r\n\r\n1, 2 \r\n\r\n\r\n\"x\r\ny\",4\r\n5,6";
        let rows = [(1, "a|b"), (3, "1|2"), (6, "x\r\ny|4"), (8, "5|6")];
        for size in 1..=file.len() {
            assert_eq!(read_in_pieces(file.as_bytes(), size), expected(rows));
        }
    }

    #[test]
    fn quotes_are_unescaped() {
        assert_eq!(read("\"say \"\"hi\"\", please\",2\n"), expected([(1, "say \"hi\", please|2")]));
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_line_only() {
        let short = "a,\"b\n1,2\n3,4\n".to_owned();
        let rows = [(1, "a quote is opened and never closed"), (2, "1|2"), (3, "3|4")];
        assert_eq!(read(&short), expected(rows));

        let long = short + &"5,6\n".repeat(MAX_ROW);
        let found = read(long);
        assert_eq!(found[..3], expected(rows));
        assert_eq!(found.len(), 3 + MAX_ROW);
    }

    #[test]
    fn a_huge_line_is_reported_and_the_rest_goes_on() {
        let file = format!("a,b\n{}\n1,2\n", "x".repeat(3 * MAX_ROW));
        let rows = [(1, "a|b"), (2, "the row is longer than 16384 bytes"), (3, "1|2")];
        for size in [7, 1000, 100_000] {
            assert_eq!(read_in_pieces(file.as_bytes(), size), expected(rows));
        }
    }

    #[test]
    fn what_is_no_text_is_reported_and_the_rest_goes_on() {
        let rows = [(1, "a|b"), (2, "the row is not UTF-8 text"), (3, "1|2")];
        assert_eq!(read(b"a,b\n\xff\xfe,2\n1,2\n"), expected(rows));
    }

    #[test]
    fn too_many_columns_are_reported_and_the_rest_goes_on() {
        let most = ",".repeat(MAX_COLUMNS - 1);
        let shown = "|".repeat(MAX_COLUMNS - 1);
        assert_eq!(read(&most), expected([(1, &shown)]));
        assert_eq!(read(most + "\n1,2"), expected([(1, &shown), (2, "1|2")]));

        let file = format!("{}\n1,2\n", ",".repeat(MAX_COLUMNS));
        assert_eq!(read(file), expected([(1, "the row has more than 64 columns"), (2, "1|2")]));
    }

    #[test]
    fn a_long_row_in_small_pieces_costs_little_more_than_in_one() {
        for filler in ["x", "\n", "x\n", "\r"] {
            let long = format!("a,\"{}\"\n", filler.repeat((MAX_ROW - 100) / filler.len()));
            let mut rows = Rows::default();
            for byte in long.as_bytes() {
                rows.feed(&[*byte]);
                if let Some(row) = rows.next_row() {
                    assert!(row.fields.is_ok(), "{row:?}");
                }
            }
            rows.end();
            rows.next_row();
            assert!(rows.effort <= 16 * MAX_ROW, "{filler:?}: {} bytes", rows.effort);
        }
    }

    #[test]
    fn a_row_is_found_when_its_line_ends() {
        let mut rows = Rows::default();
        for byte in b"a,b\n1,2" {
            assert_eq!(rows.next_row(), None);
            rows.feed(&[*byte]);
            if *byte == b'\n' {
                assert!(rows.next_row().is_some_and(|row| row.line == 1));
            }
        }
        assert_eq!(rows.next_row(), None);
    }

    #[test]
    fn an_empty_file_has_no_rows() {
        for file in ["", "\n", "\r\n\r\n"] {
            assert_eq!(read(file), []);
        }
    }

    proptest! {
        /// Any bytes, in pieces of any size: no panic, and the size of the pieces does not matter.
        #[test]
        fn pieces_do_not_matter(
            file in prop::collection::vec(prop::sample::select(b"a1\",\r\n \xff\xef\xbb\xbf".to_vec()), 0..200),
            size in 1_usize..50,
        ) {
            prop_assert_eq!(read_in_pieces(&file, size), read(&file));
        }

        /// What a CSV writer writes is read back, each row at the line where it begins.
        #[test]
        fn what_is_written_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a-zé\",\n]{0,8}x", 2..5), 1..20),
            size in 1_usize..50,
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            let (mut line, mut expected) = (1, Vec::new());
            for row in &rows {
                writer.write_record(row).expect("written to memory");
                let fields: Vec<_> = row.iter().map(|field| field.trim()).collect();
                expected.push((line, fields.join("|")));
                line += 1 + row.iter().map(|it| it.matches('\n').count() as u64).sum::<u64>();
            }
            let file = writer.into_inner().expect("written to memory");
            prop_assert_eq!(read_in_pieces(&file, size), expected);
        }
    }
}
