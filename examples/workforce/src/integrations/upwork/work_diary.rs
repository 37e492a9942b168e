//! What a row of a work diary says.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

/// One row: so many minutes on a contract, in UTC as Upwork shows it by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiaryRow {
    pub(super) started_at: Timestamp,
    pub(super) minutes: i64,
    /// In lower case.
    pub(super) email: String,
    pub(super) contract_id: String,
    pub(super) contract: String,
    pub(super) memo: String,
}

/// Why a row says nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DiaryError {
    #[error("{found} columns where the header has {expected}")]
    ColumnCount { expected: usize, found: usize },
    #[error("`{0}` is empty")]
    Empty(&'static str),
    #[error("`{0}` is longer than {MAX_FIELD} characters")]
    TooLong(&'static str),
    #[error("`{0}` has a line break or another control character")]
    Control(&'static str),
    #[error("`{column}` is `{found}`, expected {expected}")]
    Malformed { column: &'static str, found: String, expected: &'static str },
}

/// Why no row of a file can be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Nothing at all.
    #[error("the file is empty; its first line names the columns: {}", NAMES.join(","))]
    Empty,
    /// Not all columns.
    #[error("the header has no column {missing}; it reads: {header}")]
    Missing {
        /// Which are missing.
        missing: String,
        /// The beginning of the header.
        header: String,
    },
    /// Two columns of one name.
    #[error("the header has the column {column} more than once; it reads: {header}")]
    Repeated {
        /// Which it is.
        column: &'static str,
        /// The beginning of the header.
        header: String,
    },
    /// No text at all.
    #[error("the header cannot be read: {0}; is this a CSV file?")]
    Unreadable(#[from] super::rows::RowError),
}

/// The columns that a file needs, in any order and in any case. Others are left alone.
const NAMES: [&str; COUNT] =
    ["Date", "Start (UTC)", "Minutes", "Email", "Contract ID", "Contract", "Memo"];
const COUNT: usize = 7;
/// The longest e-mail address, and name of a contract, in characters.
const MAX_FIELD: usize = 254;

/// Which columns of a file are which.
#[derive(Debug)]
pub(super) struct Columns {
    places: [usize; COUNT],
    count: usize,
}

impl Columns {
    pub(super) fn of(header: &[String]) -> Result<Self, HeaderError> {
        let place = |name: &&str| header.iter().position(|it| it.eq_ignore_ascii_case(name));
        let missing: Vec<_> = NAMES.into_iter().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(HeaderError::Missing {
                missing: missing.join(", "),
                header: shown(&header.join(",")),
            });
        }
        let count = |name: &&str| header.iter().filter(|it| it.eq_ignore_ascii_case(name)).count();
        if let Some(column) = NAMES.into_iter().find(|name| count(name) > 1) {
            return Err(HeaderError::Repeated { column, header: shown(&header.join(",")) });
        }
        let places = NAMES.map(|name| place(&name).unwrap_or_default());
        Ok(Self { places, count: header.len() })
    }

    pub(super) fn read(&self, fields: &[String]) -> Result<DiaryRow, DiaryError> {
        if fields.len() != self.count {
            return Err(DiaryError::ColumnCount { expected: self.count, found: fields.len() });
        }
        let [date, start, minutes, email, contract_id, contract, memo] =
            self.places.map(|place| fields[place].as_str());
        let malformed = |column, found: &str, expected| {
            let found = shown(found);
            DiaryError::Malformed { column, found, expected }
        };
        let day = parse_date(date);
        let day = day.ok_or_else(|| malformed("Date", date, "a date such as 2026-11-23"))?;
        let time = parse_time(start);
        let time = time.ok_or_else(|| malformed("Start (UTC)", start, "a time such as 09:10"))?;
        let count = minutes.parse::<u16>().ok().filter(|it| (1..=1440).contains(it));
        let count = count.ok_or_else(|| malformed("Minutes", minutes, "1 to 1440"))?;
        for (name, field) in
            [("Email", email), ("Contract ID", contract_id), ("Contract", contract)]
        {
            if field.is_empty() {
                return Err(DiaryError::Empty(name));
            }
            if field.chars().nth(MAX_FIELD).is_some() {
                return Err(DiaryError::TooLong(name));
            }
            if field.chars().any(char::is_control) {
                return Err(DiaryError::Control(name));
            }
        }
        // Years are bounded, so that this cannot be out of range.
        let started_at = Offset::UTC.to_timestamp(day.to_datetime(time));
        let started_at =
            started_at.map_err(|_| malformed("Date", date, "a date such as 2026-11-23"))?;
        Ok(DiaryRow {
            started_at,
            minutes: count.into(),
            email: email.to_ascii_lowercase(),
            contract_id: contract_id.to_owned(),
            contract: contract.to_owned(),
            memo: memo.to_owned(),
        })
    }
}

impl DiaryRow {
    /// The same for the same piece of work, in whichever file it stands: the SHA-256 of contract, address and
    /// start, each after its length in bytes (eight of them, the greatest first), so that no two are taken for
    /// one wherever a part ends, and as hexadecimal digits, so that it is short.
    pub(super) fn key(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.contract_id, &self.email, &self.started_at.to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

/// Exactly `2026-11-23`; jiff alone would take more.
fn parse_date(text: &str) -> Option<Date> {
    is_like(text, "0000-00-00").then(|| text.parse().ok()).flatten()
}

/// Exactly `09:10`.
fn parse_time(text: &str) -> Option<Time> {
    is_like(text, "00:00").then(|| text.parse().ok()).flatten()
}

/// Whether the text has digits where the pattern has, and else the same.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(found, wanted)| match wanted {
            b'0' => found.is_ascii_digit(),
            _ => found == wanted,
        })
}

/// As much of a text as an error message can hold.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Vec<String> {
        text.split(',').map(ToOwned::to_owned).collect()
    }

    fn columns() -> Columns {
        let header = "memo,Extra,contract,CONTRACT ID,email,Minutes,Start (UTC),date";
        Columns::of(&fields(header)).expect("all columns")
    }

    fn read(text: &str) -> Result<DiaryRow, String> {
        columns().read(&fields(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_may_stand_in_any_order_and_case() {
        let row = read("Fixed it,?,Site,c1,Ada@Acme.example,10,09:10,2026-11-23").expect("a row");
        assert_eq!(row.started_at.to_string(), "2026-11-23T09:10:00Z");
        assert_eq!((row.minutes, row.email.as_str()), (10, "ada@acme.example"));
    }

    #[test]
    fn a_key_is_short_and_of_one_piece_of_work_alone() {
        let row = |contract: &str, email: &str, start: &str| {
            read(&format!("m,?,Site,{contract},{email},10,{start},2026-11-23")).expect("a row")
        };
        let key = row("c", "a/b@t", "09:10").key();
        // Computed elsewhere.
        assert_eq!(key, "d59a468380748f80ea0be2729a5dc537737f6fae757c18610cbd71afddf564f9");
        assert_eq!(row("c", "A/B@T", "09:10").key(), key);
        let others = [("c/a", "b@t", "09:10"), ("ca", "/b@t", "09:10"), ("c", "a/b@t", "09:20")];
        for (contract, email, start) in others {
            assert_ne!(row(contract, email, start).key(), key);
        }
    }

    #[test]
    fn a_malformed_row_says_which_column_is_wrong() {
        let long = format!("m,?,Site,{},a@b.c,10,09:10,2026-11-23", "x".repeat(255));
        for (row, reason) in [
            ("m,?,Site,c1,a@b.c,10,09:10", "7 columns where the header has 8"),
            ("m,?,Site,c1,a@b.c,10,09:10,2026-02-30", "`Date` is `2026-02-30`, expected a date"),
            ("m,?,Site,c1,a@b.c,10,09:10,23.11.2026", "`Date` is"),
            ("m,?,Site,c1,a@b.c,10,09:10,-9999-01-01", "`Date` is"),
            ("m,?,Site,c1,a@b.c,10,25:10,2026-11-23", "`Start (UTC)` is `25:10`, expected a time"),
            ("m,?,Site,c1,a@b.c,ten,09:10,2026-11-23", "`Minutes` is `ten`, expected 1 to 1440"),
            ("m,?,Site,c1,a@b.c,0,09:10,2026-11-23", "`Minutes` is `0`"),
            ("m,?,Site,c1,,10,09:10,2026-11-23", "`Email` is empty"),
            ("m,?,Site,,a@b.c,10,09:10,2026-11-23", "`Contract ID` is empty"),
            (
                "m,?,Site,c1,a\0@b.c,10,09:10,2026-11-23",
                "`Email` has a line break or another control",
            ),
            ("m,?,Site,c\u{85}1,a@b.c,10,09:10,2026-11-23", "`Contract ID` has a line break"),
            (&long, "`Contract ID` is longer than 254 characters"),
        ] {
            let error = read(row).expect_err(row);
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn a_bad_header_is_explained() {
        let twice = "Minutes,Date,Start (UTC),Email,Contract ID,Contract,Memo,MINUTES";
        let error = Columns::of(&fields(twice)).expect_err("a column stands there twice");
        assert!(error.to_string().starts_with("the header has the column Minutes more than once"));
        let error =
            Columns::of(&fields("Date,Minutes,\u{1b}[31m")).expect_err("columns are missing");
        assert_eq!(
            error.to_string(),
            "the header has no column Start (UTC), Email, Contract ID, Contract, Memo; it reads: \
             Date,Minutes,\\u{1b}[31m"
        );
    }

    proptest! {
        #[test]
        fn any_fields_are_read_without_a_panic(fields in prop::collection::vec(".{0,20}", 0..10)) {
            let _ = columns().read(&fields);
            let _ = Columns::of(&fields);
        }

        #[test]
        fn every_day_and_minute_can_be_written(
            day in 0_i64..30_000, minute in 0_i64..1440, minutes in 1_i64..=1440,
        ) {
            let start = Timestamp::from_second(946_684_800 + day * 86_400 + minute * 60)?;
            let text = start.to_string();
            let (date, time) = (&text[..10], &text[11..16]);
            let row = read(&format!("m,?,Site,c1,a@b.c,{minutes},{time},{date}"));
            prop_assert_eq!(row.map(|row| (row.started_at, row.minutes)), Ok((start, minutes)));
        }
    }
}
