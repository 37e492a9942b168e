//! The hash of an entry.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Row;
use crate::content::ActorColumns;
use crate::entry::EntryHash;

/// The version of the hashed form.
const VERSION: u8 = 1;

/// Computes hashes. Keeps its buffer between them.
///
/// The hash is a SHA-256 over:
///
/// 1. the byte 1, the version of this form;
/// 2. the 32 bytes of the hash of the entry before it, or zeros before the first;
/// 3. each column except `hash`, in the order of the table: the byte 0 if it is `NULL`; otherwise the byte 1,
///    the number of its bytes as 8 bytes, and its bytes: texts in UTF-8, numbers as 8 bytes in two's
///    complement, ids as 16 bytes. Numbers are big-endian.
#[derive(Default)]
pub(crate) struct Hasher(Vec<u8>);

impl Hasher {
    pub(crate) fn hash(&mut self, previous: &EntryHash, row: &Row) -> EntryHash {
        let content = &row.content;
        self.0.clear();
        self.0.push(VERSION);
        self.0.extend_from_slice(previous.as_bytes());
        self.text(Some(&content.tenant));
        self.id(Some(&content.id));
        self.number(Some(row.sequence));
        self.text(content.organization.as_deref());
        self.actor(&content.actor);
        self.actor(&content.behalf);
        self.text(Some(&content.action));
        self.text(Some(&content.entity_type));
        self.text(content.entity_id.as_deref());
        self.text(content.entity_name.as_deref());
        self.text(Some(&content.description));
        self.text(content.changes.as_deref());
        self.text(content.data.as_deref());
        self.text(content.event_name.as_deref());
        self.number(content.event_version);
        self.id(Some(&content.correlation_id));
        self.id(content.causation_id.as_ref());
        self.number(Some(content.occurred_at));
        self.number(Some(row.recorded_at));
        self.text(Some(&content.outcome));
        EntryHash(Sha256::digest(&self.0).into())
    }

    fn actor(&mut self, actor: &ActorColumns) {
        self.text(actor.kind.as_deref());
        self.text(actor.id.as_deref());
        self.text(actor.name.as_deref());
    }

    fn text(&mut self, text: Option<&str>) {
        self.column(text.map(str::as_bytes));
    }

    fn number(&mut self, number: Option<i64>) {
        self.column(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }

    fn id(&mut self, id: Option<&Uuid>) {
        self.column(id.map(|id| id.as_bytes().as_slice()));
    }

    fn column(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else { return self.0.push(0) };
        self.0.push(1);
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}
