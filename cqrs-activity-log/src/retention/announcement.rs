//! The entry by which retention accounts for what it removes.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::activity::Activity;
use crate::store::{Link, Row};

/// The activity that says up to where a chain is removed.
pub(super) fn announcement(base: Link, older_than: Timestamp) -> Activity {
    let (action, entity_type) = Activity::RESERVED;
    let hash = base.hash.to_string();
    Activity::new(action, entity_type)
        .describe(format!("pruned entries up to {}, from before {older_than}", base.sequence))
        .data(json!({ "base": { "sequence": base.sequence, "hash": hash } }))
}

/// Up to where the chain was removed, if the row is such an entry. An event of the same name is not.
pub(crate) fn announced_base(row: &Row) -> Option<Link> {
    let content = &row.content;
    let kind = (content.action.as_str(), content.entity_type.as_str());
    if kind != Activity::RESERVED || content.event_name.is_some() {
        return None;
    }
    let data: Value = serde_json::from_str(content.data.as_ref()?).ok()?;
    let base = data.get("base")?;
    let hash = base.get("hash")?.as_str()?.parse().ok()?;
    Some(Link { sequence: base.get("sequence")?.as_i64()?, hash })
}
