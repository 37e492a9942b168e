//! Everything about an entry that its headline does not say.

use cqrs_core::Actor;

use super::super::links::Links;
use super::super::params;
use super::item::display_name;
use crate::entry::Entry;

pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// A note after the value, in brackets.
    pub(super) note: Option<String>,
    pub(super) href: Option<String>,
    pub(super) is_code: bool,
}

impl Fact {
    fn new(label: &'static str, value: String) -> Self {
        Self { label, value, note: None, href: None, is_code: false }
    }

    fn code(label: &'static str, value: String) -> Self {
        Self { is_code: true, ..Self::new(label, value) }
    }

    fn noted(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    fn linked(mut self, href: String) -> Self {
        self.href = Some(href);
        self
    }
}

pub(super) fn facts(entry: &Entry, cause: Option<&Entry>, links: &Links) -> Vec<Fact> {
    let page = |query: &[(&str, &str)]| links.page(&params::query(query.iter().copied()));
    let whom = |label, actor: &Actor| {
        let note = format!("{} {}", actor.kind(), actor.id());
        Fact::new(label, display_name(actor).to_owned()).noted(note)
    };
    let mut facts = Vec::new();
    if let Some(actor) = &entry.actor {
        facts.push(whom("Actor", actor).linked(page(&[("actor", actor.id())])));
        facts.extend(actor.principal().map(|principal| whom("On behalf of", principal)));
    }
    if let Some(id) = &entry.organization {
        facts.push(Fact::new("Organization", id.clone()).linked(page(&[("organization", id)])));
    }
    let entity = entry.entity_type.as_str();
    if !entity.is_empty() {
        facts.push(Fact::new("Type", entity.to_owned()).linked(page(&[("entity", entity)])));
    }
    if let Some(id) = &entry.entity_id {
        let fact = Fact::new("Id", id.clone());
        // An id is searched for together with its type.
        let query = [("entity", entity), ("entity_id", id)];
        facts.push(if entity.is_empty() { fact } else { fact.linked(page(&query)) });
    }
    facts.extend(entry.entity_name.clone().map(|name| Fact::new("Name", name)));
    if let Some(name) = &entry.event_name {
        let version = entry.event_version.map(|version| format!(", version {version}"));
        let value = format!("{name}{}", version.unwrap_or_default());
        facts.push(Fact::new("Event", value).linked(page(&[("event", name)])));
    }
    let correlation = entry.correlation_id.to_string();
    let query = [("correlation", &*correlation), ("order", "oldest")];
    facts.push(Fact::new("Request", format!("follow {correlation}")).linked(page(&query)));
    match (cause, entry.causation_id) {
        (Some(cause), _) => {
            let fact = Fact::new("Caused by", cause.description.clone());
            let fact = fact.noted(format!("entry #{}", cause.sequence));
            facts.push(fact.linked(links.below(&format!("entries/{}", cause.id))));
        }
        (None, Some(id)) => facts.push(Fact::code("Caused by", id.to_string())),
        (None, None) => {}
    }
    facts.push(Fact::new("Outcome", entry.outcome.to_string()));
    facts.push(Fact::new("Recorded", entry.recorded_at.to_string()));
    facts.push(Fact::new("Place in the chain", format!("#{}", entry.sequence)));
    facts.push(Fact::code("Hash", entry.hash.to_string()));
    let json = links.below(&format!("api/entries/{}", entry.id));
    facts.push(Fact::new("As JSON", entry.id.to_string()).linked(json));
    facts
}
