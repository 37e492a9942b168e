//! The way of an older payload to the current version: one function for each version between them.

use crate::attr::event::Version;
use crate::attr::upcast::{Step, Upcast};
use crate::error::Errors;

/// How many of the missing functions an error shows.
const SHOWN: usize = 3;

/// The functions in the order of versions, if there is one for each older version.
pub(crate) fn steps(
    version: Option<&Version>,
    upcast: Option<Upcast>,
    errors: &mut Errors,
) -> Vec<Step> {
    let current = version.map_or(1, |version| version.number);
    let span = upcast.as_ref().map(|upcast| upcast.span).or(version.map(|version| version.span));
    let is_there = upcast.is_some();
    let mut steps = upcast.map(|upcast| upcast.steps).unwrap_or_default();
    steps.sort_by_key(|step| step.from);
    for Step { from, span, .. } in steps.iter().filter(|step| step.from >= current) {
        let next = from + 1;
        let message = format!(
            "`{from}` is not older than the event's version, {current}: write `version = {next}`, \
             or remove this function"
        );
        errors.on(*span, message);
    }
    let is_missing = |from: &u32| steps.binary_search_by_key(from, |step| step.from).is_err();
    let missing = (1..current).filter(is_missing).take(SHOWN + 1);
    let mut missing: Vec<_> = missing.map(|from| format!("{from} = path::to::function")).collect();
    if let Some(span) = span.filter(|_| !missing.is_empty()) {
        if missing.len() > SHOWN {
            missing.truncate(SHOWN);
            missing.push("..".to_owned());
        }
        let missing = missing.join(", ");
        let fix = if is_there { missing } else { format!("upcast({missing})") };
        let message = format!(
            "`version = {current}` needs a function for each older version, which turns its \
             payload into that of the next one: add `{fix}`"
        );
        errors.on(span, message);
    }
    steps
}
