//! Free text search: every word has to occur.

use cqrs_core::Actor;

use crate::entry::Entry;

/// The words of a search, folded.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(folded).collect())
    }

    /// Whether each word occurs in the texts of an entry, which have a line each.
    pub(super) fn all_occur_in(&self, texts: &str) -> bool {
        let texts = folded(texts);
        self.0.iter().all(|word| texts.contains(word))
    }
}

/// The texts of the entry in which a search looks, as one with a line for each, so that no word spans two of them.
pub(super) fn texts(entry: &Entry) -> String {
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
    fields.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The text in lower case. Each letter is mapped alone, because `str::to_lowercase` writes a Greek sigma at the
/// end of a word differently (`ς`, not `σ`), and a search must also match inside of words.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let one = |letter| if letter == 'ς' { 'σ' } else { letter };
    text.chars().flat_map(char::to_lowercase).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_match_in_any_case_and_at_any_position() {
        for (word, text) in [
            ("ΟΔΟΣ", "ΟΔΟΣΑ"),
            ("οδος", "ΟΔΟΣΑ"),
            ("οδος", "ΟΔΟΣ"),
            ("ΟΔΟΣ", "οδος"),
            ("ÄÖ", "xäöx"),
            ("ẞ", "straße"),
        ] {
            assert!(folded(text).contains(&folded(word)), "{word} in {text}");
        }
    }
}
