//! The names that are derived from a type's name: `EmployeeCreated` is `employee.created`, its
//! entity is `Employee`, its action `created`.

use heck::{ToKebabCase, ToSnakeCase};

/// The name of a message's type without the word for its kind: `EmployeeCreatedEvent` with the suffix `Event`
/// is `EmployeeCreated`.
pub(crate) fn without<'a>(suffix: &str, name: &'a str) -> &'a str {
    name.strip_suffix(suffix).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// `EmployeeCreated` is `employee.created`.
pub(crate) fn dotted(name: &str) -> String {
    name.to_snake_case().replace('_', ".")
}

/// `SendWelcomeEmail` is `send-welcome-email`.
pub(crate) fn kebab(name: &str) -> String {
    name.to_kebab_case()
}

/// What an event's name says about the entity and what happened to it: `TimeLogCreated` is
/// `TimeLog` and `created`. Nothing if the last word is not known as a past tense.
pub(crate) fn entity_and_action(name: &str) -> Option<(String, String)> {
    let snake = name.to_snake_case();
    let (_, action) = snake.rsplit_once('_')?;
    PAST_TENSES.binary_search(&action).ok()?;
    let entity = name.get(..name.len() - action.len())?.trim_matches('_');
    Some((entity.to_owned(), action.to_owned()))
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
        dotted(without(suffix, name))
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
        let read = |name: &str| entity_and_action(without("Event", name));
        let pair = |entity: &str, action: &str| Some((entity.to_owned(), action.to_owned()));
        assert_eq!(read("TimeLogCreated"), pair("TimeLog", "created"));
        assert_eq!(read("EmployeeCreatedEvent"), pair("Employee", "created"));
        assert_eq!(read("InvoicePaid"), pair("Invoice", "paid"));
        assert_eq!(read("HTTPRequestSent"), pair("HTTPRequest", "sent"));
        assert_eq!(read("employee_created"), pair("employee", "created"));
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
