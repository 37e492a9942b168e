//! What an import is.

use cqrs_core::prelude::{Deserialize, Serialize};
use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{DbError, Row, now};

/// One file's import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UpworkImport {
    /// Time-ordered.
    pub id: Uuid,
    /// The file's name.
    pub file: String,
    /// How far it has come.
    pub status: ImportStatus,
    /// Rows that became time logs.
    pub imported: u64,
    /// Rows that had been imported before.
    pub skipped: u64,
    /// Rows that were wrong.
    pub failed: u64,
    /// What was wrong with the first hundred of them.
    pub problems: Vec<RowProblem>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// It goes on, or its process has died.
    Running,
    /// The whole file was read.
    Finished,
    /// The file could not be read to its end. What was read before is imported.
    Interrupted,
}

/// Why a row was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    /// The line where the row begins, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl ImportStatus {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "finished" => Self::Finished,
            _ => Self::Interrupted,
        }
    }
}

impl UpworkImport {
    /// How many problems are kept.
    pub const MAX_PROBLEMS: usize = 100;
    pub(super) const MAX_FILE: usize = 200;

    pub(super) fn new(file: String) -> Self {
        Self {
            id: Uuid::now_v7(),
            file,
            status: ImportStatus::Running,
            imported: 0,
            skipped: 0,
            failed: 0,
            problems: Vec::new(),
            started_at: now(),
            finished_at: None,
        }
    }

    /// How many rows it has had so far.
    pub(super) fn rows(&self) -> u64 {
        self.imported + self.skipped + self.failed
    }

    /// Counts a row that was not imported.
    pub(super) fn fail(&mut self, line: u64, reason: String) {
        self.failed += 1;
        let is_full = self.problems.len() == Self::MAX_PROBLEMS;
        if is_full && self.problems.last().is_some_and(|last| last.line < line) {
            return;
        }
        self.problems.push(RowProblem { line, reason });
        self.problems.sort_by_key(|problem| problem.line);
        self.problems.truncate(Self::MAX_PROBLEMS);
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        let count = |column| row.int(column).map(i64::unsigned_abs);
        Ok(Self {
            id: row.uuid("id")?,
            file: row.text("file")?,
            status: ImportStatus::parse(&row.text("status")?),
            imported: count("imported")?,
            skipped: count("skipped")?,
            failed: count("failed")?,
            problems: serde_json::from_str(&row.text("problems")?).unwrap_or_default(),
            started_at: row.time("started_at")?,
            finished_at: row.time_opt("finished_at")?,
        })
    }
}
