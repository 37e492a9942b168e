//! Turns the rows of a CSV file into commands.

use csv::{ErrorKind, StringRecord};

use crate::employees::CreateEmployee;

/// The columns that a file needs, in any order. Others are ignored.
const COLUMNS: [&str; 3] = ["full_name", "email", "department"];

/// One row of the file.
pub struct Row {
    /// The line where it begins, from 1.
    pub line: usize,
    /// The command of the row, if the row is valid.
    pub command: Result<CreateEmployee, MalformedRow>,
}

/// Why a row is not a command.
#[derive(Debug, thiserror::Error)]
pub enum MalformedRow {
    /// More or fewer columns than the header has.
    #[error("{found} columns where the header has {expected}")]
    ColumnCount {
        /// The number of columns in the header.
        expected: u64,
        /// The number of columns in the row.
        found: u64,
    },
    /// Bytes that are not text.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// Anything else.
    #[error("{0}")]
    Unreadable(csv::Error),
}

/// Why the rows of a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadHeader {
    /// The file is empty.
    #[error("the file is empty; its first line names the columns: {}", COLUMNS.join(","))]
    Missing,
    /// A header without some of the columns.
    #[error("the header has no column {missing}; it reads: {header}")]
    MissingColumns {
        /// The missing columns.
        missing: String,
        /// The beginning of the header.
        header: String,
    },
    /// A file that is not text, such as one in a spreadsheet's own format.
    #[error("the header is not UTF-8 text; is this a CSV file?")]
    NotText,
}

/// The rows of a CSV file, one after the other. After a malformed row, the rest is still read.
///
/// # Errors
///
/// [`BadHeader`] if the first line does not name the columns.
pub fn rows(file: &[u8]) -> Result<impl Iterator<Item = Row>, BadHeader> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|_| BadHeader::NotText)?.clone();
    check(&header)?;

    let mut lines = Lines::of(file);
    let rows = reader.into_records().map(move |record| {
        let start = match &record {
            Ok(record) => record.position(),
            Err(error) => error.position(),
        };
        Row {
            line: lines.at(start.map_or(0, csv::Position::byte)),
            command: record
                .and_then(|record| record.deserialize(Some(&header)))
                .map_err(MalformedRow::from),
        }
    });
    Ok(rows)
}

fn check(header: &StringRecord) -> Result<(), BadHeader> {
    if header.is_empty() {
        return Err(BadHeader::Missing);
    }
    let is_missing = |column: &&str| !header.iter().any(|name| name == *column);
    let missing: Vec<_> = COLUMNS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let header: Vec<_> = header.iter().collect();
    let header = header.join(",");
    Err(BadHeader::MissingColumns {
        missing: missing.join(", "),
        header: header.escape_debug().take(60).collect(),
    })
}

impl From<csv::Error> for MalformedRow {
    fn from(error: csv::Error) -> Self {
        match *error.kind() {
            ErrorKind::UnequalLengths { expected_len: expected, len: found, .. } => {
                Self::ColumnCount { expected, found }
            }
            ErrorKind::Utf8 { .. } => Self::NotUtf8,
            _ => Self::Unreadable(error),
        }
    }
}

/// Finds the line of a position. The CSV reader counts the line ends before a row as part of the row,
/// so its own numbers are too low after blank lines and in files from Windows.
struct Lines<'a> {
    rest: &'a [u8],
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn of(file: &'a [u8]) -> Self {
        Self { rest: file, offset: 0, line: 1 }
    }

    /// The line of the first row at or after `offset`. `offset` must not decrease between calls.
    fn at(&mut self, offset: u64) -> usize {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.advance(offset.saturating_sub(self.offset));
        let is_line_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        self.advance(self.rest.iter().take_while(is_line_end).count());
        self.line
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += passed.split(|byte| *byte == b'\n').count() - 1;
        self.offset += passed.len();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row's line, and its name or error.
    fn read(file: impl AsRef<[u8]>) -> Vec<(usize, String)> {
        let rows = rows(file.as_ref()).expect("a good header");
        rows.map(|row| {
            let text = match row.command {
                Ok(command) => command.full_name,
                Err(error) => error.to_string(),
            };
            (row.line, text)
        })
        .collect()
    }

    fn refusal(file: impl AsRef<[u8]>) -> String {
        rows(file.as_ref()).err().expect("a bad header").to_string()
    }

    #[test]
    fn columns_may_stand_in_any_order_among_others() {
        let file = "id, department ,email,full_name\n7,Research,ada@acme.example, Ada \n";
        let mut rows = rows(file.as_bytes()).expect("a good header");
        let command = rows.next().expect("a row").command.expect("a command");
        assert_eq!(command.full_name, "Ada");
        assert_eq!(command.email, "ada@acme.example");
        assert_eq!(command.department, "Research");
        assert!(rows.next().is_none());
    }

    #[test]
    fn a_malformed_row_is_reported_with_its_line_and_the_rest_goes_on() {
        let file = b"full_name,email,department\nAda,a@b.c,X\nBob,b\nEve\xff,e@b.c,X\nDan,d@b.c,X";
        let expected = [
            (2, "Ada"),
            (3, "2 columns where the header has 3"),
            (4, "not UTF-8 text"),
            (5, "Dan"),
        ];
        assert_eq!(read(file), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn lines_are_right_after_blank_lines_and_in_files_from_windows() {
        let file = "\u{feff}full_name,email,department\r\n\r\nAda,a@b.c,X\r\n\r\n\r\nBob,b\r\n";
        let expected = [(3, "Ada"), (6, "2 columns where the header has 3")];
        assert_eq!(read(file), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_row_of_several_lines_stands_where_it_begins() {
        let file = "full_name,email,department\n\"Ada\nLovelace\",a@b.c,X\nBob,b@b.c,X\n";
        let expected = [(2, "Ada\nLovelace"), (4, "Bob")];
        assert_eq!(read(file), expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_header_alone_is_a_file_without_rows() {
        assert_eq!(read("full_name,email,department"), []);
    }

    #[test]
    fn a_bad_header_is_explained() {
        for empty in ["", "\u{feff}", "\n\n"] {
            assert!(refusal(empty).contains("full_name,email,department"));
        }
        assert_eq!(
            refusal("full_name,mail\nAda,a@b.c\n"),
            "the header has no column email, department; it reads: full_name,mail"
        );
        assert_eq!(
            refusal("full_name;email;department\n"),
            "the header has no column full_name, email, department; it reads: full_name;email;department"
        );
        assert!(refusal(b"PK\x03\x04\xff\xfe").contains("CSV"));
    }
}
