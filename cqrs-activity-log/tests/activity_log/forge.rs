//! Writes an entry without the log that the log itself never writes, with the documented hash, so that the chain
//! is sound.

use std::fmt::Write as _;

use cqrs_activity_log::ActivityLog;
use cqrs_core::Context;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::database::Db;

/// What is forged; the rest of its columns are absent.
pub(crate) struct Forged<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) action: &'a str,
    pub(crate) entity_type: &'a str,
    pub(crate) data: String,
    pub(crate) recorded_at: i64,
}

enum Column {
    Absent,
    Text(String),
    Number(i64),
    Id(Uuid),
}

impl Column {
    fn hashed(&self, bytes: &mut Vec<u8>) {
        let value = match self {
            Self::Absent => return bytes.push(0),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Number(number) => number.to_be_bytes().to_vec(),
            Self::Id(id) => id.as_bytes().to_vec(),
        };
        bytes.push(1);
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&value);
    }

    fn sql(&self, db: &Db) -> String {
        match self {
            Self::Absent => "NULL".to_owned(),
            Self::Text(text) => format!("'{text}'"),
            Self::Number(number) => number.to_string(),
            Self::Id(id) if db.is_sqlite() => format!("x'{}'", id.simple()),
            Self::Id(id) => format!("'{id}'::uuid"),
        }
    }
}

impl Forged<'_> {
    /// Adds it to the end of its tenant's chain.
    pub(crate) async fn append(self, db: &Db, log: &ActivityLog) {
        let Self { tenant, action, entity_type, data, recorded_at } = self;
        let text = |text: &str| Column::Text(text.to_owned());
        let head = log.head(&Context::for_tenant(tenant).unwrap()).await.unwrap();
        let sequence = i64::try_from(head.sequence + 1).unwrap();
        let mut columns = vec![text(tenant), Column::Id(Uuid::now_v7()), Column::Number(sequence)];
        columns.extend((0..7).map(|_| Column::Absent)); // organization, actor, principal
        columns.extend([text(action), text(entity_type), Column::Absent, Column::Absent]);
        columns.extend([text("forged"), Column::Absent, text(&data)]);
        columns.extend([Column::Absent, Column::Absent]); // event
        columns.extend([Column::Id(Uuid::now_v7()), Column::Absent]);
        columns.extend([Column::Number(0), Column::Number(recorded_at), text("succeeded")]);

        let mut hashed = vec![1];
        hashed.extend_from_slice(head.hash.as_bytes());
        let mut values = String::new();
        for column in &columns {
            column.hashed(&mut hashed);
            write!(values, "{}, ", column.sql(db)).unwrap();
        }
        let hash: String = Sha256::digest(&hashed).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let hash =
            if db.is_sqlite() { format!("x'{hash}'") } else { format!("'\\x{hash}'::bytea") };
        db.execute(&format!("INSERT INTO activity_entries VALUES ({values}{hash})")).await;
        db.execute(&format!(
            "UPDATE activity_chains SET head_sequence = {sequence}, head_hash = {hash}, \
             head_recorded_at = {recorded_at} WHERE tenant = '{tenant}'"
        ))
        .await;
    }
}
