//! What a delivery is.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{DbError, Row};

/// Something that GitHub told a hook. Its body is kept beside it, and read when it is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GitHubDelivery {
    /// Time-ordered.
    pub id: Uuid,
    /// Which hook was told.
    pub hook_id: Uuid,
    /// What GitHub calls it: `X-GitHub-Delivery`. It is taken once.
    pub guid: String,
    /// What GitHub tells: `push`, `ping` or anything else.
    pub kind: String,
    /// How large the body is, in bytes.
    pub size: i64,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// What it says, in one line, once it was read.
    pub summary: Option<String>,
    /// `owner/name`, where it is about a repository.
    pub repository: Option<String>,
    /// Where to see it.
    pub url: Option<String>,
    /// Who did it, as GitHub calls them.
    pub sender: Option<String>,
    /// When it arrived.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// It is stored, and will be read.
    Received,
    /// It was read.
    Processed,
    /// It cannot be read. GitHub may deliver it again, under the same name.
    Failed,
}

impl DeliveryStatus {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processed => "processed",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "received" => Self::Received,
            "processed" => Self::Processed,
            _ => Self::Failed,
        }
    }
}

impl GitHubDelivery {
    pub(super) fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.uuid("id")?,
            hook_id: row.uuid("hook_id")?,
            guid: row.text("guid")?,
            kind: row.text("kind")?,
            size: row.int("size")?,
            status: DeliveryStatus::parse(&row.text("status")?),
            summary: row.text_opt("summary")?,
            repository: row.text_opt("repository")?,
            url: row.text_opt("url")?,
            sender: row.text_opt("sender")?,
            received_at: row.time("received_at")?,
        })
    }
}
