//! The import of a file, row by row, in memory that does not grow with it.

use std::collections::HashMap;
use std::mem;

use cqrs_core::ExecuteError;
use cqrs_core::prelude::*;
use futures_util::{Stream, StreamExt as _};

use super::rows::{MAX_ROW, Row, Rows};
use super::work_diary::{Columns, DiaryRow, HeaderError};
use super::{BeginUpworkImport, FinishUpworkImport, UpworkImport};
use crate::employees::FindEmployeeByEmail;
use crate::failure::Failure;
use crate::time_tracking::{ImportTimeLogs, ImportedTimeLog, NewTimeLog};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How many rows are recorded in one transaction.
const BATCH: usize = 200;
/// How many e-mail addresses are remembered with their employees.
const MAX_KNOWN: usize = 1000;

/// Imports work diaries.
#[derive(Injectable)]
pub struct UpworkImporter {
    commands: CommandBus,
    queries: QueryBus,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read.
    pub bytes: u64,
    /// Rows that were recorded, or found to be there or wrong.
    pub rows: u64,
}

/// Why a file was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no work diary. Nothing was imported.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It was not imported to its end; what was read before is imported.
    #[error("the file was not imported to its end: {error}")]
    Interrupted {
        /// What was imported, if anything.
        import: Option<Box<UpworkImport>>,
        /// Why.
        error: BoxError,
    },
    /// A command failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl UpworkImporter {
    /// Imports the file that comes in these pieces. A row that is wrong is reported with its line and
    /// does not stop the rest; one that was imported before is skipped. `progress` is told after each
    /// piece.
    ///
    /// # Errors
    ///
    /// [`ImportError`] when the file as a whole is no work diary, or ends in the middle. Dropping the
    /// future does the same to what is not yet read, without saying so: spawn it where that can happen.
    pub async fn import<P, E>(
        &self,
        ctx: &Context,
        file: &str,
        pieces: impl Stream<Item = Result<P, E>>,
        mut progress: impl FnMut(Progress),
    ) -> Result<UpworkImport, ImportError>
    where
        P: AsRef<[u8]>,
        E: Into<BoxError>,
    {
        let mut run = Run::new(self, ctx, file);
        match run.read(pieces, &mut progress).await {
            Ok(bytes) => {
                let import = run.finish(true).await?;
                progress(Progress { bytes, rows: import.rows() });
                Ok(import)
            }
            Err(Stop::Header(error)) => Err(error.into()),
            Err(Stop::Interrupted(error)) if run.begun.is_some() => {
                let import = Some(Box::new(run.finish(false).await?));
                Err(ImportError::Interrupted { import, error })
            }
            Err(Stop::Interrupted(error)) => match error.downcast::<Failure>() {
                Ok(failure) => Err(ImportError::Failed(*failure)),
                Err(error) => Err(ImportError::Interrupted { import: None, error }),
            },
        }
    }
}

/// Why reading ended before the file did.
enum Stop {
    Header(HeaderError),
    Interrupted(BoxError),
}

impl From<HeaderError> for Stop {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ExecuteError<Failure>> for Stop {
    fn from(error: ExecuteError<Failure>) -> Self {
        Self::Interrupted(Failure::from(error).into())
    }
}

/// One import, going on.
struct Run<'a> {
    importer: &'a UpworkImporter,
    ctx: &'a Context,
    file: &'a str,
    rows: Rows,
    /// Once the header was read.
    begun: Option<(Columns, UpworkImport)>,
    batch: Vec<(u64, NewTimeLog)>,
    employees: HashMap<String, Option<Uuid>>,
}

impl<'a> Run<'a> {
    fn new(importer: &'a UpworkImporter, ctx: &'a Context, file: &'a str) -> Self {
        Self {
            importer,
            ctx,
            file,
            rows: Rows::default(),
            begun: None,
            batch: Vec::with_capacity(BATCH),
            employees: HashMap::new(),
        }
    }

    /// Reads to the end, and says how many bytes that were.
    async fn read<P, E>(
        &mut self,
        pieces: impl Stream<Item = Result<P, E>>,
        progress: &mut impl FnMut(Progress),
    ) -> Result<u64, Stop>
    where
        P: AsRef<[u8]>,
        E: Into<BoxError>,
    {
        let mut pieces = std::pin::pin!(pieces);
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| Stop::Interrupted(error.into()))?;
            // One large piece is as good as many small ones.
            for part in piece.as_ref().chunks(MAX_ROW) {
                self.rows.feed(part);
                self.take_rows().await?;
            }
            bytes += piece.as_ref().len() as u64;
            let rows = self.begun.as_ref().map_or(0, |(_, import)| import.rows());
            progress(Progress { bytes, rows });
        }
        self.rows.end();
        self.take_rows().await?;
        self.record().await?;
        if self.begun.is_none() {
            return Err(HeaderError::Empty.into());
        }
        Ok(bytes)
    }

    async fn take_rows(&mut self) -> Result<(), Stop> {
        while let Some(row) = self.rows.next_row() {
            self.take(row).await?;
            if self.batch.len() == BATCH {
                self.record().await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, row: Row) -> Result<(), Stop> {
        let Some((columns, import)) = &mut self.begun else {
            let columns = Columns::of(&row.fields.map_err(HeaderError::Unreadable)?)?;
            let begin = BeginUpworkImport { file: self.file.to_owned() };
            let import = self.importer.commands.execute(self.ctx, begin).await?;
            self.begun = Some((columns, import));
            return Ok(());
        };
        let read = row.fields.map_err(|error| error.to_string());
        let read = read.and_then(|it| columns.read(&it).map_err(|error| error.to_string()));
        let diary = match read {
            Ok(diary) => diary,
            Err(reason) => {
                import.fail(row.line, reason);
                return Ok(());
            }
        };
        match self.employee(&diary.email).await? {
            Some(id) => self.batch.push((row.line, diary.into_time_log(id))),
            None => {
                if let Some((_, import)) = &mut self.begun {
                    import
                        .fail(row.line, "no employee has the e-mail address in `Email`".to_owned());
                }
            }
        }
        Ok(())
    }

    async fn employee(&mut self, email: &str) -> Result<Option<Uuid>, Stop> {
        if let Some(known) = self.employees.get(email) {
            return Ok(*known);
        }
        let query = FindEmployeeByEmail { email: email.to_owned() };
        let found = self.importer.queries.execute(self.ctx, query).await?.map(|it| it.id);
        if self.employees.len() == MAX_KNOWN {
            self.employees.clear();
        }
        self.employees.insert(email.to_owned(), found);
        Ok(found)
    }

    /// Records what has been gathered, in one transaction.
    async fn record(&mut self) -> Result<(), Stop> {
        let (lines, logs): (Vec<_>, Vec<_>) = mem::take(&mut self.batch).into_iter().unzip();
        let Some((_, import)) = self.begun.as_mut().filter(|_| !logs.is_empty()) else {
            return Ok(());
        };
        let command = ImportTimeLogs { source: "upwork", logs };
        let outcomes = self.importer.commands.execute(self.ctx, command).await?;
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            match outcome {
                ImportedTimeLog::Created(_) => import.imported += 1,
                ImportedTimeLog::AlreadyThere(_) => import.skipped += 1,
                ImportedTimeLog::Refused(reason) => import.fail(line, reason),
            }
        }
        Ok(())
    }

    async fn finish(mut self, is_complete: bool) -> Result<UpworkImport, ImportError> {
        if !is_complete && let Err(Stop::Interrupted(error)) = self.record().await {
            tracing::warn!(%error, "the last rows before an interruption were not imported");
        }
        let (_, import) = self.begun.ok_or(HeaderError::Empty)?;
        let finish = FinishUpworkImport { import, is_complete };
        let finished = self.importer.commands.execute(self.ctx, finish).await;
        Ok(finished.map_err(Failure::from)?)
    }
}

impl DiaryRow {
    fn into_time_log(self, employee_id: Uuid) -> NewTimeLog {
        NewTimeLog {
            id: Uuid::now_v7(),
            external_id: self.key(),
            employee_id,
            project: self.contract,
            // A memo may have several lines; a note has one.
            note: self.memo.split_whitespace().collect::<Vec<_>>().join(" "),
            started_at: self.started_at,
            minutes: self.minutes,
        }
    }
}
