//! The names that are derived from a type's name: `EmployeeCreated` is `employee.created`, its
//! entity is `Employee`, its action `created`.

/// Splits a Rust name into its words: `HTTPRequestReceived` is `HTTP`, `Request`, `Received`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut starts = true;
    for (at, &char) in chars.iter().enumerate() {
        if char == '_' {
            starts = true;
            continue;
        }
        if char.is_uppercase() && at > 0 {
            // A capital starts a word after a small letter or a digit. In a run of capitals only
            // the last one does, and only if a small letter follows: `HTTPRequest`.
            let follows_capital = chars[at - 1].is_uppercase();
            let before_small = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
            starts |= !follows_capital || before_small;
        }
        match words.last_mut() {
            // A digit cannot start a segment of a name, so it stays with the word before it.
            Some(word) if !starts || char.is_ascii_digit() => word.push(char),
            _ => words.push(char.to_string()),
        }
        starts = false;
    }
    words
}

/// The words of a message's type without the word that only says what kind of message it is:
/// `EmployeeCreatedEvent` with the suffix `Event` is `Employee`, `Created`.
pub(crate) fn words_without(suffix: &str, name: &str) -> Vec<String> {
    let mut words = words(name);
    if words.len() > 1 && words.last().is_some_and(|last| last == suffix) {
        words.pop();
    }
    words
}

/// `["Employee", "Created"]` is `employee.created`.
pub(crate) fn dotted(words: &[String]) -> String {
    words.join(".").to_lowercase()
}

/// `SendWelcomeEmail` is `send-welcome-email`.
pub(crate) fn kebab(name: &str) -> String {
    words(name).join("-").to_lowercase()
}

/// What an event's words say about the entity and what happened to it: `TimeLogCreated` is
/// `TimeLog` and `created`. Nothing if the last word is not known as a past tense.
pub(crate) fn entity_and_action(words: &[String]) -> Option<(String, String)> {
    let (verb, entity) = words.split_last()?;
    let action = verb.to_lowercase();
    if entity.is_empty() || PAST_TENSES.binary_search(&action.as_str()).is_err() {
        return None;
    }
    Some((entity.iter().map(|word| capitalized(word)).collect(), action))
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// What happens to entities in business software, in alphabetical order.
const PAST_TENSES: &[&str] = &[
    "accepted",
    "acknowledged",
    "activated",
    "added",
    "allocated",
    "approved",
    "archived",
    "assigned",
    "attached",
    "authorized",
    "billed",
    "blocked",
    "booked",
    "canceled",
    "cancelled",
    "changed",
    "charged",
    "checked",
    "closed",
    "commented",
    "completed",
    "confirmed",
    "connected",
    "converted",
    "corrected",
    "created",
    "deactivated",
    "declined",
    "deleted",
    "delivered",
    "denied",
    "detached",
    "disabled",
    "disconnected",
    "dispatched",
    "downgraded",
    "downloaded",
    "enabled",
    "ended",
    "enrolled",
    "escalated",
    "executed",
    "expired",
    "exported",
    "failed",
    "finalized",
    "finished",
    "generated",
    "granted",
    "hired",
    "imported",
    "invited",
    "invoiced",
    "issued",
    "joined",
    "left",
    "linked",
    "locked",
    "logged",
    "merged",
    "migrated",
    "modified",
    "moved",
    "notified",
    "opened",
    "ordered",
    "paid",
    "paused",
    "placed",
    "posted",
    "processed",
    "promoted",
    "published",
    "purchased",
    "read",
    "reassigned",
    "received",
    "refunded",
    "registered",
    "rejected",
    "released",
    "removed",
    "renamed",
    "renewed",
    "reopened",
    "replaced",
    "requested",
    "rescheduled",
    "reserved",
    "reset",
    "resolved",
    "restored",
    "resumed",
    "returned",
    "reversed",
    "reviewed",
    "revoked",
    "scheduled",
    "sent",
    "shipped",
    "signed",
    "started",
    "stopped",
    "submitted",
    "subscribed",
    "succeeded",
    "suspended",
    "synced",
    "synchronized",
    "terminated",
    "transferred",
    "triggered",
    "unassigned",
    "unblocked",
    "unlinked",
    "unlocked",
    "unsubscribed",
    "updated",
    "upgraded",
    "uploaded",
    "verified",
    "viewed",
    "voided",
    "withdrawn",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn message_name(suffix: &str, name: &str) -> String {
        dotted(&words_without(suffix, name))
    }

    #[test]
    fn a_message_name_is_the_types_words_in_dotted_lower_case() {
        for (name, expected) in [
            ("EmployeeCreated", "employee.created"),
            ("TimeLogCreated", "time.log.created"),
            ("HTTPRequestReceived", "http.request.received"),
            ("RequestSentOverHTTP", "request.sent.over.http"),
            ("S3ObjectCreated", "s3.object.created"),
            ("Oauth2TokenIssued", "oauth2.token.issued"),
            ("ABTestStarted", "ab.test.started"),
            ("Employee_Created", "employee.created"),
            ("Version_2Published", "version2.published"),
            ("Ping", "ping"),
            ("X", "x"),
        ] {
            assert_eq!(message_name("Event", name), expected, "{name}");
        }
    }

    #[test]
    fn the_word_for_the_kind_of_message_is_dropped_unless_it_is_the_only_one() {
        assert_eq!(message_name("Event", "EmployeeCreatedEvent"), "employee.created");
        assert_eq!(message_name("Event", "Event"), "event");
        assert_eq!(message_name("Event", "EventCreated"), "event.created");
        assert_eq!(message_name("Event", "Prevent"), "prevent");
        assert_eq!(message_name("Command", "CreateEmployeeCommand"), "create.employee");
        assert_eq!(message_name("Query", "FindEmployeeQuery"), "find.employee");
        assert_eq!(message_name("Query", "RunCommand"), "run.command");
    }

    #[test]
    fn a_handler_name_is_the_types_words_in_kebab_case() {
        assert_eq!(kebab("SendWelcomeEmail"), "send-welcome-email");
        assert_eq!(kebab("HTTPNotifier"), "http-notifier");
        assert_eq!(kebab("Trace"), "trace");
    }

    #[test]
    fn entity_and_action_come_from_a_past_tense_after_the_entity() {
        let read = |name: &str| entity_and_action(&words_without("Event", name));
        let pair = |entity: &str, action: &str| Some((entity.to_owned(), action.to_owned()));
        assert_eq!(read("TimeLogCreated"), pair("TimeLog", "created"));
        assert_eq!(read("EmployeeCreatedEvent"), pair("Employee", "created"));
        assert_eq!(read("InvoicePaid"), pair("Invoice", "paid"));
        assert_eq!(read("HTTPRequestSent"), pair("HTTPRequest", "sent"));
        assert_eq!(read("employee_created"), pair("Employee", "created"));
        assert_eq!(read("Created"), None);
        assert_eq!(read("CreatedEvent"), None);
        assert_eq!(read("NightFalls"), None);
        assert_eq!(read("EmployeeCreatedV2"), None);
    }

    #[test]
    fn the_past_tenses_are_in_order() {
        assert!(PAST_TENSES.is_sorted(), "binary search needs the order");
    }
}
