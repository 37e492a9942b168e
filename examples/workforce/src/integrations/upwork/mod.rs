//! Upwork: work diaries, imported from files.

mod events;
pub(crate) mod http;
mod import;
mod import_commands;
mod importer;
mod queries;
mod repository;
mod rows;
mod work_diary;

pub use self::events::UpworkSync;
pub use self::import::{ImportStatus, RowProblem, UpworkImport};
pub use self::import_commands::{BeginUpworkImport, FinishUpworkImport};
pub use self::importer::{ImportError, Progress, UpworkImporter};
pub use self::queries::{FindUpworkImport, ListUpworkImports};
pub use self::rows::RowError;
pub use self::work_diary::HeaderError;
