//! What an entry says, as columns, before it has its place in a chain.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cqrs_core::message::EventPayload;
use cqrs_core::{Actor, AppBuilder, Changes, Context, TenantId, TenantScope};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::error::RecordError;

/// The longest action, type, id and name, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// The longest description, in bytes.
pub(crate) const MAX_DESCRIPTION: usize = 1024;

/// The columns of an entry that come from its event or activity.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Content {
    /// Empty in the system scope.
    pub(crate) tenant: String,
    pub(crate) id: Uuid,
    /// Whether the id may be in the log already: an event may be delivered again.
    pub(crate) may_be_known: bool,
    pub(crate) organization: Option<String>,
    pub(crate) actor: ActorColumns,
    pub(crate) behalf: ActorColumns,
    pub(crate) action: String,
    pub(crate) entity_type: String,
    pub(crate) entity_id: Option<String>,
    pub(crate) entity_name: Option<String>,
    pub(crate) description: String,
    pub(crate) changes: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) event_version: Option<i64>,
    pub(crate) correlation_id: Uuid,
    pub(crate) causation_id: Option<Uuid>,
    pub(crate) occurred_at: i64,
    pub(crate) outcome: String,
}

/// An actor, without its principal. Written, it has both kind and id or neither; read, it may have anything,
/// because the table may have been altered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ActorColumns {
    pub(crate) kind: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
}

/// How large an entry may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of JSON of data, and of changes.
    pub(crate) payload: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload: AppBuilder::DEFAULT_PAYLOAD_LIMIT }
    }
}

impl Content {
    /// What a context says: tenant, organization, actor and correlation.
    pub(crate) fn of(ctx: &Context) -> Self {
        let principal = ctx.actor().and_then(Actor::principal);
        Self {
            tenant: tenant_column(ctx.tenant()).to_owned(),
            organization: ctx.organization().map(ToOwned::to_owned),
            actor: ctx.actor().map(ActorColumns::of).unwrap_or_default(),
            behalf: principal.map(ActorColumns::of).unwrap_or_default(),
            correlation_id: ctx.correlation_id(),
            ..Self::default()
        }
    }

    /// `created Employee Ada`, from action, type, and name or id.
    pub(crate) fn default_description(&self) -> String {
        let which = self.entity_name.as_ref().or(self.entity_id.as_ref());
        let parts = [Some(&self.action), Some(&self.entity_type), which];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Refuses texts and JSON that are too long.
    pub(crate) fn check(&mut self, limits: Limits) -> Result<(), RecordError> {
        let mut refused = None;
        self.each_text(|what, limit, _, text| {
            without_nul(text);
            if text.len() > limit && refused.is_none() {
                let bytes = text.len();
                refused =
                    Some(format!("its {what} has {bytes} bytes, and at most {limit} are kept"));
            }
        });
        if let Some(reason) = refused {
            return Err(RecordError::Invalid(reason));
        }
        for (part, json) in [("data", &self.data), ("changes", &self.changes)] {
            let bytes = json.as_ref().map_or(0, String::len);
            if bytes > limits.payload {
                return Err(RecordError::TooLarge { part, bytes, limit: limits.payload });
            }
        }
        Ok(())
    }

    /// Cuts texts and JSON that are too long, and marks that: an event has happened, so it is recorded in any case.
    pub(crate) fn fit(&mut self, limits: Limits) {
        self.each_text(|_, limit, meaning, text| {
            without_nul(text);
            if text.len() > limit {
                *text = shortened(text, limit, meaning);
            }
        });
        let limit = limits.payload;
        let too_large = |json: &Option<String>| json.as_ref().map_or(0, String::len) > limit;
        if too_large(&self.data) {
            let bytes = self.data.as_ref().map_or(0, String::len);
            self.data =
                Some(format!("\"[left out: {bytes} bytes, and at most {limit} are kept]\""));
        }
        if too_large(&self.changes) {
            let changes = self.changes.take();
            let changes: Option<Changes> =
                changes.and_then(|json| serde_json::from_str(&json).ok());
            self.changes = changes.map(|changes| omitted(changes.len() + changes.omitted()));
        }
    }

    /// Every text that a user can make long, with its name, its limit and its meaning.
    fn each_text(&mut self, mut visit: impl FnMut(&'static str, usize, Meaning, &mut String)) {
        use Meaning::{Identifier, Words};
        visit("action", MAX_NAME, Identifier, &mut self.action);
        visit("entity type", MAX_NAME, Identifier, &mut self.entity_type);
        visit("description", MAX_DESCRIPTION, Words, &mut self.description);
        let mut optional = |what, meaning, text: &mut Option<String>| {
            if let Some(text) = text {
                visit(what, MAX_NAME, meaning, text);
            }
        };
        optional("organization", Identifier, &mut self.organization);
        optional("entity id", Identifier, &mut self.entity_id);
        optional("entity name", Words, &mut self.entity_name);
        optional("event name", Identifier, &mut self.event_name);
        for actor in [&mut self.actor, &mut self.behalf] {
            optional("actor's id", Identifier, &mut actor.id);
            optional("actor's name", Words, &mut actor.name);
        }
    }
}

/// What a text is for, which decides how it is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Equal texts are the same thing, so two that differ must differ after they are shortened.
    Identifier,
    Words,
}

/// The beginning of the text with a mark. An identifier also keeps a hash of all of it, 16 bytes of its SHA-256.
fn shortened(text: &str, limit: usize, meaning: Meaning) -> String {
    let hash = match meaning {
        Meaning::Words => String::new(),
        Meaning::Identifier => URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16]),
    };
    let room = limit - "…".len() - hash.len();
    format!("{}…{hash}", &text[..text.floor_char_boundary(room)])
}

impl ActorColumns {
    fn of(actor: &Actor) -> Self {
        Self {
            kind: Some(actor.kind().to_string()),
            id: Some(actor.id().to_owned()),
            name: actor.name().map(ToOwned::to_owned),
        }
    }
}

/// Changes of which only the number is kept.
pub(crate) fn omitted(number: usize) -> String {
    json!({ "list": [], "omitted": number }).to_string()
}

/// Postgres stores no NUL in a text, and both databases store the same, so that a log can be moved. The
/// replacement has three bytes, so it is made before a text is measured.
fn without_nul(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

/// The column of a tenant scope. No tenant's identifier is empty.
pub(crate) fn tenant_column(tenant: &TenantScope) -> &str {
    tenant.id().map_or("", TenantId::as_str)
}

/// The scope of a column; `None`, if no tenant can have this identifier.
pub(crate) fn tenant_scope(column: &str) -> Option<TenantScope> {
    match column {
        "" => Some(TenantScope::System),
        id => id.parse().ok().map(TenantScope::Tenant),
    }
}

/// JSON that can be read back, also as a part of an exported entry; an error, if it is nested too deeply for
/// that.
pub(crate) fn to_json<T: Serialize + EventPayload>(value: &T) -> serde_json::Result<String> {
    value.json_size()?;
    serde_json::to_string(value)
}

/// In whole microseconds, as they are stored: rounded down, also before 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond() - i64::from(time.subsec_nanosecond() % 1_000 < 0)
}

/// A new uuid v7 ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562)) of this time, with the fraction of
/// the millisecond after it (section 6.2, method 3), and a counter before the random rest (method 1), so
/// that imported activities with equal times keep their order.
///
/// Not with `uuid::ContextV7`: it never goes back in time, but an activity may have happened before the last one
/// that was recorded.
pub(crate) fn entry_id(time: Timestamp) -> Uuid {
    static COUNTER: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(random()));
    let nanoseconds = u128::try_from(time.as_nanosecond()).unwrap_or(0);
    let milliseconds = u64::try_from(nanoseconds / 1_000_000).unwrap_or(u64::MAX);
    let fraction = ((nanoseconds % 1_000_000) << 12) / 1_000_000;
    let counter = COUNTER.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff;
    // 4 bits of version, 12 of the fraction, 2 of the variant, 30 of the counter, 32 random: 80.
    let rest = (fraction << 64) | (u128::from(counter) << 32) | u128::from(random());
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&rest.to_be_bytes()[6..]);
    Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid()
}

/// The end of a uuid v7, which is random.
fn random() -> u32 {
    let [.., a, b, c, d] = Uuid::now_v7().into_bytes();
    u32::from_be_bytes([a, b, c, d])
}
