//! An entry as it is stored.

use cqrs_core::context::ActorKind;
use cqrs_core::{Actor, Changes};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::sql::{Arg, Columns, present};
use crate::content::{ActorColumns, Content, tenant_scope};
use crate::entry::{Entry, EntryHash};

/// The columns in the order of the table, which is that of the hash.
pub(super) const COLUMNS: &str = "tenant, id, sequence, organization, actor_kind, actor_id, actor_name, \
     behalf_kind, behalf_id, behalf_name, action, entity_type, entity_id, entity_name, description, \
     changes, data, event_name, event_version, correlation_id, causation_id, occurred_at, recorded_at, \
     outcome, hash";

/// How far a time of recording may be ahead of this machine's clock, in microseconds, because clocks of other machines
/// that record differ.
pub(super) const AHEAD: i64 = 60_000_000;

/// How many columns there are.
pub(super) const COLUMN_COUNT: usize = 25;

/// The positions of those that hold bytes or ids.
pub(super) const BYTES: [usize; 4] = [1, 19, 20, 24];

/// The columns of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) content: Content,
    pub(crate) sequence: i64,
    pub(crate) recorded_at: i64,
    pub(crate) hash: EntryHash,
}

impl Row {
    pub(crate) fn read(row: &dyn Columns) -> sqlx::Result<Self> {
        let content = Content {
            tenant: present(row.text(0)?)?,
            id: present(row.id(1)?)?,
            may_be_known: true,
            organization: row.text(3)?,
            actor: actor_columns(row, 4)?,
            behalf: actor_columns(row, 7)?,
            action: present(row.text(10)?)?,
            entity_type: present(row.text(11)?)?,
            entity_id: row.text(12)?,
            entity_name: row.text(13)?,
            description: present(row.text(14)?)?,
            changes: row.text(15)?,
            data: row.text(16)?,
            event_name: row.text(17)?,
            event_version: row.number(18)?,
            correlation_id: present(row.id(19)?)?,
            causation_id: row.id(20)?,
            occurred_at: present(row.number(21)?)?,
            outcome: present(row.text(23)?)?,
        };
        Ok(Self {
            content,
            sequence: present(row.number(2)?)?,
            recorded_at: present(row.number(22)?)?,
            hash: hash(row, 24)?,
        })
    }

    /// The values of [`COLUMNS`].
    pub(super) fn into_args(self) -> [Arg; COLUMN_COUNT] {
        let Self { content, sequence, recorded_at, hash } = self;
        [
            content.tenant.into(),
            content.id.into(),
            sequence.into(),
            content.organization.into(),
            content.actor.kind.into(),
            content.actor.id.into(),
            content.actor.name.into(),
            content.behalf.kind.into(),
            content.behalf.id.into(),
            content.behalf.name.into(),
            content.action.into(),
            content.entity_type.into(),
            content.entity_id.into(),
            content.entity_name.into(),
            content.description.into(),
            content.changes.into(),
            content.data.into(),
            content.event_name.into(),
            Arg::Number(content.event_version),
            content.correlation_id.into(),
            Arg::Id(content.causation_id),
            content.occurred_at.into(),
            recorded_at.into(),
            content.outcome.into(),
            Arg::Bytes(hash.0.to_vec()),
        ]
    }

    /// The entry; an error, if a column has a value that this crate never writes. Data and changes that cannot be
    /// read become a text that says so, because the other columns still say who did what.
    pub(crate) fn into_entry(self) -> Result<Entry, AlteredColumn> {
        let Self { content, sequence, recorded_at, hash } = self;
        let altered = |column| AlteredColumn { id: content.id, column };
        let tenant = tenant_scope(&content.tenant).ok_or_else(|| altered("tenant"))?;
        Ok(Entry {
            id: content.id,
            sequence: u64::try_from(sequence).map_err(|_| altered("sequence"))?,
            tenant,
            actor: actor(content.actor, content.behalf).map_err(altered)?,
            changes: content.changes.as_deref().map(changes),
            data: content.data.as_deref().map(data),
            event_version: content
                .event_version
                .map(u32::try_from)
                .transpose()
                .map_err(|_| altered("event version"))?,
            occurred_at: time(content.occurred_at).ok_or_else(|| altered("time"))?,
            recorded_at: time(recorded_at).ok_or_else(|| altered("time of recording"))?,
            outcome: content.outcome.parse().map_err(|_| altered("outcome"))?,
            organization: content.organization,
            action: content.action,
            entity_type: content.entity_type,
            entity_id: content.entity_id,
            entity_name: content.entity_name,
            description: content.description,
            event_name: content.event_name,
            correlation_id: content.correlation_id,
            causation_id: content.causation_id,
            hash,
        })
    }
}

/// The entry has a column with a value that this crate never writes.
#[derive(Debug, thiserror::Error)]
#[error("entry {id} has a {column} that cannot be read")]
pub(crate) struct AlteredColumn {
    pub(crate) id: Uuid,
    pub(crate) column: &'static str,
}

fn actor_columns(row: &dyn Columns, first: usize) -> sqlx::Result<ActorColumns> {
    Ok(ActorColumns {
        kind: row.text(first)?,
        id: row.text(first + 1)?,
        name: row.text(first + 2)?,
    })
}

fn actor(actor: ActorColumns, behalf: ActorColumns) -> Result<Option<Actor>, &'static str> {
    let principal = one_actor(behalf).map_err(|()| "principal")?;
    let Some(actor) = one_actor(actor).map_err(|()| "actor")? else { return Ok(None) };
    Ok(Some(match principal {
        Some(principal) => actor.on_behalf_of(principal),
        None => actor,
    }))
}

fn one_actor(columns: ActorColumns) -> Result<Option<Actor>, ()> {
    let (kind, id) = match (columns.kind, columns.id) {
        (Some(kind), Some(id)) => (kind, id),
        (None, None) => return Ok(None),
        _ => return Err(()),
    };
    let kind: ActorKind = serde_json::from_value(kind.into()).map_err(|_| ())?;
    let actor = Actor::new(kind, id);
    Ok(Some(match columns.name {
        Some(name) => actor.named(name),
        None => actor,
    }))
}

fn data(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| unreadable(&error).into())
}

/// The changes; if they cannot be read, one change of the whole to a text that says so.
fn changes(json: &str) -> Changes {
    let change = |note: String| json!({ "list": [{ "path": "", "new": note, "cut": true }] });
    serde_json::from_str(json)
        .or_else(|error| serde_json::from_value(change(unreadable(&error))))
        .unwrap_or_default()
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("[unreadable: {error}]")
}

fn time(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

/// A column with a hash.
pub(super) fn hash(row: &dyn Columns, column: usize) -> sqlx::Result<EntryHash> {
    let bytes = present(row.bytes(column)?)?;
    let hash = bytes.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?;
    Ok(EntryHash(hash))
}
