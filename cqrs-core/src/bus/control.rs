//! Looking at a running handler, and pausing it.

use std::fmt;

use super::feed::Route;
use crate::lane::HandlerStatus;

/// One event handler of a running application: what it is doing, and a switch to pause it.
///
/// From [`App::handler`](crate::App::handler) or [`App::handlers`](crate::App::handlers). Cloning is
/// cheap.
///
/// ```standalone_crate
/// use cqrs_core::prelude::*;
/// use cqrs_core::bus::HandlerState;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct InvoiceCreated { #[event(entity_id)] invoice_id: u64 }
///
/// #[events_handler(InvoiceCreated)]
/// struct SendInvoice;
///
/// impl EventHandler<InvoiceCreated> for SendInvoice {
///     async fn handle(&self, _: &InvoiceCreated, _: &Context) -> HandlerResult { Ok(()) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::builder().build()?;
/// let send_invoice = app.handler("send-invoice")?;
/// send_invoice.pause(); // the mail server is being moved
/// app.events().publish(&Context::for_tenant("acme")?, InvoiceCreated { invoice_id: 1 }).await?;
///
/// let status = send_invoice.status();
/// assert_eq!((status.state, status.queued), (HandlerState::Paused, 1));
/// send_invoice.resume();
/// app.idle().await;
/// assert_eq!(send_invoice.status().queued, 0);
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
        let is_change = self.0.lane.pause(true);
        if is_change {
            tracing::info!(handler = self.name(), "the handler is paused");
        }
        is_change
    }

    /// Lets attempts begin again, and says whether that is a change.
    pub fn resume(&self) -> bool {
        let is_change = self.0.lane.pause(false);
        if is_change {
            tracing::info!(handler = self.name(), "the handler is resumed");
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
        f.debug_struct("HandlerControl")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish()
    }
}

/// How many names an error suggests.
const SUGGESTED: usize = 3;

/// The application has no event handler with this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownHandler {
    name: String,
    near: Vec<String>,
}

impl UnknownHandler {
    pub(super) fn new<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        // What was typed may have any length; names have at most 128 bytes.
        let name: String = name.chars().take(128).collect();
        let mut near: Vec<_> =
            known.filter_map(|known| Some((distance(&name, known)?, known))).collect();
        near.sort_unstable();
        let near = near.into_iter().take(SUGGESTED).map(|(_, known)| known.to_owned()).collect();
        Self { name, near }
    }

    /// What was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names that look alike, the most similar first.
    pub fn near(&self) -> &[String] {
        &self.near
    }
}

impl fmt::Display for UnknownHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no event handler named `{}`", self.name.escape_debug())?;
        match self.near.split_last() {
            None => f.write_str("; `App::handlers` lists all"),
            Some((only, [])) => write!(f, "; did you mean `{only}`?"),
            Some((last, others)) => {
                write!(f, "; did you mean `{}` or `{last}`?", others.join("`, `"))
            }
        }
    }
}

impl std::error::Error for UnknownHandler {}

/// How different two names are, from 0; `None` if they are not alike. A part of a name is like the name, and
/// so is the name of the struct.
fn distance(asked: &str, known: &str) -> Option<usize> {
    let plain = |name: &str| {
        let letters = name.chars().filter(|char| char.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    let (asked, known) = (plain(asked), plain(known));
    let edits = strsim::levenshtein(&asked, &known);
    let contains = |whole: &str, part: &str| part.len() >= 3 && whole.contains(part);
    let is_near = edits <= known.len().min(asked.len()) / 3
        || contains(&known, &asked)
        || contains(&asked, &known);
    is_near.then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(name: &str) -> String {
        let known = ["send-welcome-email", "send-invoice", "notify-managers"];
        UnknownHandler::new(name, known.into_iter()).to_string()
    }

    #[test]
    fn an_unknown_name_gets_near_ones() {
        let text = unknown("send-welcome-mail");
        assert!(text.ends_with("did you mean `send-welcome-email`?"), "{text}");
        let text = unknown("NotifyManagers");
        assert!(text.ends_with("did you mean `notify-managers`?"), "{text}");
        let text = unknown("send");
        assert!(text.ends_with("did you mean `send-invoice` or `send-welcome-email`?"), "{text}");
        let text = unknown("\n");
        assert_eq!(text, "there is no event handler named `\\n`; `App::handlers` lists all");
        assert!(unknown(&"x".repeat(1_000_000)).len() < 300);
    }
}
