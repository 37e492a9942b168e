//! The reasons why an event has no handler.

use std::any::TypeId;
use std::fmt::Write as _;

use rustc_hash::FxHashMap;

use super::HandlerRegistration;

const NOT_LINKED: &str = "no handler that is linked names it; if there is one in another crate, name that \
     crate in `modules![..]`, since the linker drops a crate that nothing names";

const LEFT_OUT: &str = "it is named only by handlers that `only` or `without` leaves out:";

/// Explains why no handler of the application names an event.
#[derive(Default)]
pub(crate) struct Unhandled(
    /// The reasons, for events that only handlers that do not run name.
    FxHashMap<TypeId, String>,
);

impl Unhandled {
    /// `left_out` are the linked handlers that do not run.
    pub(crate) fn new<'a>(left_out: impl Iterator<Item = &'a HandlerRegistration>) -> Self {
        let mut reasons: FxHashMap<TypeId, String> = FxHashMap::default();
        for handler in left_out {
            let HandlerRegistration { name, source, .. } = handler;
            for event in handler.messages() {
                let reason =
                    reasons.entry((event.message)().id()).or_insert_with(|| LEFT_OUT.to_owned());
                let _ = write!(reason, " `{name}` of `{}` ({source})", source.module);
            }
        }
        Self(reasons)
    }

    /// Why the event of this type has no handler, and what to do; for a warning.
    pub(crate) fn reason(&self, event: TypeId) -> &str {
        self.0.get(&event).map_or(NOT_LINKED, String::as_str)
    }
}
