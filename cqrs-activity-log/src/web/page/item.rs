//! An entry as the page shows it.

use cqrs_core::{Actor, Changes};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::super::links::Links;
use super::super::params::query;
use super::details::{self, Field, Limits, Lines, ShownChange};
use crate::entry::{Entry, Outcome};

/// The colour of an action, by the beginning of its name. Other actions are plain.
const TONES: &[(&str, &[&str])] = &[
    (
        "made",
        &[
            "create", "add", "accept", "approve", "register", "invite", "enable", "restore",
            "complete", "grant", "publish", "import",
        ],
    ),
    (
        "changed",
        &[
            "update", "change", "rename", "edit", "move", "assign", "submit", "sync", "merge",
            "replace",
        ],
    ),
    (
        "removed",
        &[
            "delete", "remove", "cancel", "reject", "revoke", "disable", "archive", "prune",
            "decline", "expire",
        ],
    ),
];

/// How deep a trail is indented.
const MAX_DEPTH: usize = 6;

/// An entry in words and links.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) href: String,
    pub(super) actor: String,
    pub(super) actor_href: Option<String>,
    pub(super) behalf: Option<String>,
    pub(super) initials: String,
    pub(super) hue: u32,
    pub(super) description: String,
    pub(super) action: String,
    pub(super) tone: &'static str,
    pub(super) bad_outcome: Option<&'static str>,
    /// Empty, if the event names none.
    pub(super) entity: String,
    pub(super) entity_href: String,
    pub(super) trail_href: String,
    pub(super) event: Option<String>,
    pub(super) summary: String,
    pub(super) changes: Lines<ShownChange>,
    /// How many changes were not recorded.
    pub(super) omitted: usize,
    pub(super) data: Lines<Field>,
    /// The path of the changes and data beyond the limits.
    pub(super) rest_href: String,
    pub(super) datetime: String,
    pub(super) time: String,
    pub(super) full_time: String,
    /// In a trail: how many causes are above it.
    pub(super) depth: usize,
    /// In a trail: how long after its first entry.
    pub(super) since_first: Option<String>,
}

impl Item {
    pub(super) fn new(entry: &Entry, links: &Links, zone: &TimeZone, limits: Limits) -> Self {
        let actor = entry.actor.as_ref();
        let name = actor.map_or("The application", display_name);
        let at = entry.occurred_at.to_zoned(zone.clone());
        let changes = details::changes(entry, limits);
        let entity_name = entry.entity_name.as_ref().or(entry.entity_id.as_ref());
        let entity = match entity_name {
            _ if entry.entity_type.is_empty() => String::new(),
            Some(name) => format!("{} {name}", entry.entity_type),
            None => entry.entity_type.clone(),
        };
        let entity_query = [
            Some(("entity", &*entry.entity_type)),
            entry.entity_id.as_deref().map(|id| ("entity_id", id)),
        ];
        Self {
            id: entry.id.to_string(),
            sequence: entry.sequence,
            href: links.below(&format!("entries/{}", entry.id)),
            actor: name.to_owned(),
            actor_href: actor.map(|actor| links.page(&query([("actor", actor.id())]))),
            behalf: actor.and_then(Actor::principal).map(|actor| display_name(actor).to_owned()),
            initials: initials(name),
            hue: hue(actor.map_or("", Actor::id)),
            description: entry.description.clone(),
            action: entry.action.clone(),
            tone: tone(&entry.action),
            bad_outcome: (entry.outcome != Outcome::Succeeded).then(|| entry.outcome.as_str()),
            entity,
            entity_href: links.page(&query(entity_query.into_iter().flatten())),
            trail_href: links.page(&trail(entry.correlation_id)),
            event: entry.event_name.clone(),
            summary: match changes.shown.len() + changes.more {
                0 => "Details".to_owned(),
                1 => "1 change".to_owned(),
                several => format!("{several} changes"),
            },
            changes,
            omitted: entry.changes.as_ref().map_or(0, Changes::omitted),
            data: details::data(entry, limits),
            rest_href: links.below(&format!("{}/{}", limits.rest, entry.id)),
            datetime: entry.occurred_at.to_string(),
            time: at.strftime("%H:%M").to_string(),
            full_time: at.strftime("%A, %-d %B %Y at %H:%M:%S %Z").to_string(),
            depth: 0,
            since_first: None,
        }
    }

    /// The item in a trail, below `depth` causes.
    pub(super) fn in_trail(mut self, depth: usize, since_first: String) -> Self {
        self.depth = depth.min(MAX_DEPTH);
        self.since_first = Some(since_first);
        self
    }
}

/// The query of everything with this correlation id.
pub(super) fn trail(correlation: Uuid) -> String {
    query([("correlation", &*correlation.to_string()), ("order", "oldest")])
}

pub(super) fn display_name(actor: &Actor) -> &str {
    actor.name().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| actor.id())
}

/// One of six colours by the actor; 0 without one.
fn hue(id: &str) -> u32 {
    let sum = id.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 65_521);
    if id.is_empty() { 0 } else { 1 + sum % 6 }
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let begins = |word: &&str| word.chars().next().is_some_and(char::is_alphanumeric);
    let words: Vec<&str> = name.split_whitespace().filter(begins).collect();
    let picked = match words.as_slice() {
        [] => return "·".to_owned(),
        [one] => vec![*one],
        [first, .., last] => vec![*first, *last],
    };
    picked.iter().filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
}

fn tone(action: &str) -> &'static str {
    let word = action.to_lowercase();
    let begins = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem));
    TONES.iter().find(|(_, stems)| begins(stems)).map_or("plain", |(tone, _)| tone)
}
