//! Free text: every word has to occur.

use cqrs_core::Actor;

use crate::entry::Entry;

/// The words of a search, in lower case.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    pub(super) fn all_occur_in(&self, entry: &Entry) -> bool {
        let actor = entry.actor.as_ref();
        let fields = [
            Some(entry.description.as_str()),
            Some(&entry.action),
            Some(&entry.entity_type),
            entry.entity_id.as_deref(),
            entry.entity_name.as_deref(),
            actor.map(Actor::id),
            actor.and_then(Actor::name),
        ];
        // One text, with a line for each field, so that no word spans two of them.
        let text = fields.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }
}
