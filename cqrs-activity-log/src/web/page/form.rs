//! The filter bar, and the filters in use.

use super::super::links::Links;
use super::super::params::{FILTER, Params};
use crate::entry::Outcome;
use crate::query::{Facet, Facets, Order};

/// The filter bar, with the values of the request.
pub(super) struct Form {
    pub(super) q: String,
    pub(super) picks: Vec<Pick>,
    pub(super) fields: Vec<Input>,
    pub(super) is_open: bool,
    pub(super) is_oldest: bool,
    pub(super) is_as_recorded: bool,
    pub(super) order: &'static str,
    pub(super) zone: String,
}

/// A field with known values.
pub(super) struct Pick {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) any: &'static str,
    pub(super) value: String,
    pub(super) options: Vec<String>,
    /// Whether there are more values than the known ones.
    pub(super) is_free: bool,
}

/// A field with any value.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
    pub(super) is_wrong: bool,
}

/// A filter in use, with a link to the page without it.
pub(super) struct Chip {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) href: String,
}

impl Form {
    /// `wrong` names the parameter that cannot be used.
    pub(super) fn new(params: &Params, facets: Facets, wrong: Option<&str>) -> Self {
        let given = |name: &str| params.given(name).unwrap_or_default().to_owned();
        let Facets { entities, actions, organizations, .. } = facets;
        let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::Denied];
        let outcomes = outcomes.map(|outcome| outcome.as_str().to_owned()).to_vec();
        let mut picks = vec![
            pick("entity", "Entity", "Any", given("entity"), entities),
            pick("action", "Action", "Any", given("action"), actions),
        ];
        if !organizations.values.is_empty() || params.given("organization").is_some() {
            let value = given("organization");
            picks.push(pick("organization", "Organization", "Any", value, organizations));
        }
        let outcomes = Facet { values: outcomes, is_complete: true };
        picks.push(pick("outcome", "Outcome", "Any", given("outcome"), outcomes));
        let fields: Vec<_> = FIELDS
            .iter()
            .map(|(name, label, kind, hint)| {
                let value = given(name);
                // A time cannot be shown in an input of dates.
                let is_date = value.is_empty() || value.len() == "2026-11-23".len();
                let kind = if *kind == "date" && !is_date { "text" } else { kind };
                Input { name, label, kind, hint, value, is_wrong: wrong == Some(name) }
            })
            .collect();
        Self {
            q: given("q"),
            // A correlation is shown as a notice instead.
            is_open: fields
                .iter()
                .any(|field| !field.value.is_empty() && field.name != "correlation"),
            picks,
            fields,
            is_oldest: params.order == Some(Order::OldestFirst),
            is_as_recorded: params.order == Some(Order::AsRecorded),
            order: match params.order.unwrap_or_default() {
                Order::NewestFirst => "newest",
                Order::OldestFirst | Order::AsRecorded => "oldest",
            },
            zone: given("tz"),
        }
    }
}

/// Name, label, type and hint.
const FIELDS: [(&str, &str, &str, &str); 6] = [
    ("from", "From", "date", ""),
    ("to", "Before", "date", ""),
    ("actor", "Actor", "text", "its id"),
    ("entity_id", "Entity’s id", "text", "with an entity chosen"),
    ("event", "Event", "text", "such as employee.created"),
    ("correlation", "Correlation", "text", "a uuid"),
];

fn pick(
    name: &'static str,
    label: &'static str,
    any: &'static str,
    value: String,
    facet: Facet,
) -> Pick {
    let Facet { values: mut options, is_complete } = facet;
    if !value.is_empty() && !options.contains(&value) {
        options.insert(0, value.clone());
    }
    Pick { name, label, any, value, options, is_free: !is_complete }
}

/// The filters in use, in the order in which they were given.
pub(super) fn chips(params: &Params, links: &Links) -> Vec<Chip> {
    let chip = |(name, value): (&'static str, &str)| {
        // An entity's id has no meaning without its type.
        let gone = |other: &str| other == name || (name == "entity" && other == "entity_id");
        let rest: Vec<&str> = FILTER.iter().copied().filter(|other| !gone(other)).collect();
        let href = links.page(&params.link(&[&rest, &["order"]], &[]));
        Chip { label: label(name), value: value.to_owned(), href }
    };
    params.narrowing().map(chip).collect()
}

fn label(name: &str) -> &'static str {
    match name {
        "q" => "Search",
        "entity" => "Entity",
        "action" => "Action",
        "organization" => "Organization",
        "outcome" => "Outcome",
        _ => FIELDS.iter().find(|(field, ..)| *field == name).map_or("", |(_, label, ..)| label),
    }
}
