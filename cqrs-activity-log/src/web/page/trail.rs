//! Everything that one request caused, each entry below its cause.

use std::collections::HashMap;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::entry::Entry;

/// How many causes of each entry are above it. An entry starts at the left if its cause has no entry, such as a
/// command, or is on another page.
pub(super) fn depths(entries: &[Entry]) -> Vec<usize> {
    let mut depth_of: HashMap<Uuid, usize> = HashMap::new();
    let mut depths = Vec::with_capacity(entries.len());
    for entry in entries {
        let cause = entry.causation_id.and_then(|cause| depth_of.get(&cause));
        let depth = cause.map_or(0, |depth| depth + 1);
        depth_of.insert(entry.id, depth);
        depths.push(depth);
    }
    depths
}

/// A summary of a trail.
pub(super) fn summary(entries: &[Entry], goes_on: bool) -> String {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return "It left no entry here.".to_owned();
    };
    let what = if entries.len() == 1 { "entry" } else { "entries" };
    let more = if goes_on { " and more" } else { "" };
    let took = last.occurred_at.duration_since(first.occurred_at);
    let took = later(took).trim_start_matches('+').to_owned();
    let took = if took == "at once" { took } else { format!("within {took}") };
    format!("{} {what}{more}, {took}, each below what caused it.", entries.len())
}

/// `+12 ms`, `+3.4 s`, `+5 min`.
pub(super) fn later(by: SignedDuration) -> String {
    let milliseconds = by.as_millis();
    match milliseconds {
        ..1 => "at once".to_owned(),
        1..1_000 => format!("+{milliseconds} ms"),
        1_000..60_000 => format!("+{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        60_000..7_200_000 => format!("+{} min", milliseconds / 60_000),
        _ => format!("+{} h", milliseconds / 3_600_000),
    }
}
