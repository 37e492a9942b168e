//! Looking at a running handler, and pausing it.

use std::fmt;

use super::feed::Route;
use super::similar::similar;
use crate::lane::HandlerStatus;

/// One event handler of a running application: what it is doing, and a switch to pause it.
///
/// From [`App::handler`](crate::App::handler) or [`App::handlers`](crate::App::handlers). Cloning is
/// cheap.
///
/// ```
/// # fn during_maintenance(app: &cqrs_core::App) -> Result<(), cqrs_core::bus::UnknownHandler> {
/// let send_invoice = app.handler("send-invoice")?;
/// send_invoice.pause(); // the mail server is being moved
/// println!("{} invoices wait", send_invoice.status().queued);
/// send_invoice.resume();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HandlerControl(Route);

impl HandlerControl {
    pub(super) fn new(route: &Route) -> Self {
        Self(route.clone())
    }

    /// The handler's stable name.
    pub fn name(&self) -> &str {
        &self.0.lane.name
    }

    /// Lets no further attempt begin, and says whether that is a change.
    ///
    /// Attempts that run may finish. What is queued is kept, and events are still accepted until the
    /// queue is full; then publishers wait, as for any slow handler. A shutdown does not wait for what
    /// a paused handler has queued, but reports it as unfinished.
    pub fn pause(&self) -> bool {
        self.set_paused(true, "the handler is paused")
    }

    /// Lets attempts begin again, and says whether that is a change.
    pub fn resume(&self) -> bool {
        self.set_paused(false, "the handler is resumed")
    }

    fn set_paused(&self, paused: bool, message: &str) -> bool {
        let is_change = self.0.lane.pause(paused);
        if is_change {
            tracing::info!(handler = self.name(), message);
        }
        is_change
    }

    /// What the handler is doing now. Looks at every delivery that waits, so ask now and then, not for
    /// each event.
    pub fn status(&self) -> HandlerStatus {
        self.0.lane.status(self.0.feed.capacity.waiting())
    }
}

impl fmt::Debug for HandlerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerControl").field(&self.name()).finish()
    }
}

/// The application has no event handler with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event handler named `{}`{near}", name.escape_debug())]
pub struct UnknownHandler {
    name: String,
    near: String,
}

impl UnknownHandler {
    pub(crate) fn new<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let (name, near) = similar(name, known);
        Self { name, near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_most_similar_one() {
        let known = ["send-welcome-email", "send-invoice", "notify-managers"];
        for (asked, shown, near) in [
            ("send-welcome-mail", "send-welcome-mail", "send-welcome-email"),
            ("NotifyManagers", "NotifyManagers", "notify-managers"),
            ("invoice\n", "invoice\\n", "send-invoice"),
        ] {
            let text = UnknownHandler::new(asked, known.into_iter()).to_string();
            let begin = format!("there is no event handler named `{shown}`;");
            assert!(text.starts_with(&begin), "{text}");
            assert!(text.ends_with(&format!("the most similar name is `{near}`")), "{text}");
        }
        let long = UnknownHandler::new(&"x".repeat(1_000_000), known.into_iter());
        assert!(long.to_string().len() < 300);
        let none = UnknownHandler::new("x", std::iter::empty());
        assert_eq!(none.to_string(), "there is no event handler named `x`");
    }
}
