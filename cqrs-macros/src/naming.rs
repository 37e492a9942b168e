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

/// What an event says about the entity and what happened to it, by its name and the name of its `entity_id` field:
/// `TimeLogCreated { time_log_id }` is about a `TimeLog`, which was `created`.
///
/// A field `.._id` names the entity, so the name must have its words, at the beginning or before the past tense:
/// `UserSignedUp { user_id }` is about a `User`, and `StockReserved { order_id }` is about nothing that its name says.
/// Any other field says only that there is an entity. Then the last word must be known as a past tense.
pub(crate) fn entity_and_action(name: &str, id_field: &str) -> Option<(String, String)> {
    let snake = name.to_snake_case();
    let named = id_field.to_snake_case();
    let named = named.strip_suffix("_id").filter(|named| !["", "entity"].contains(named));
    let rest = named.and_then(|named| snake.strip_prefix(named)?.strip_prefix('_'));
    let action = if let Some(rest) = rest {
        rest
    } else {
        let (entity, action) = snake.rsplit_once('_')?;
        PAST_TENSES.binary_search(&action).ok()?;
        let is_it = |named| entity.strip_suffix(named).is_some_and(|more| more.ends_with('_'));
        if !named.is_none_or(is_it) {
            return None;
        }
        action
    };
    let letters = action.chars().filter(|&letter| letter != '_').count();
    let entity = without_last_letters(name, letters).trim_matches('_');
    Some((entity.to_owned(), action.replace('_', " ")))
}

/// The name without its last letters and digits. `_` does not count.
fn without_last_letters(name: &str, letters: usize) -> &str {
    let mut ends = name.char_indices().rev().filter(|(_, letter)| *letter != '_');
    letters.checked_sub(1).and_then(|last| ends.nth(last)).map_or(name, |(end, _)| &name[..end])
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

    #[track_caller]
    fn assert_reads(name: &str, id_field: &str, expected: Option<(&str, &str)>) {
        let read = entity_and_action(without("Event", name), id_field);
        let read = read.as_ref().map(|(entity, action)| (&**entity, &**action));
        assert_eq!(read, expected, "{name} {{ {id_field} }}");
    }

    #[test]
    fn a_field_that_ends_in_id_names_the_entity() {
        for (name, field, entity, action) in [
            ("TimeLogCreated", "time_log_id", "TimeLog", "created"),
            ("EmployeeCreatedEvent", "employee_id", "Employee", "created"),
            ("UserSignedUp", "user_id", "User", "signed up"),
            ("UserLoggedIn", "userId", "User", "logged in"),
            ("KeyRotated", "key_id", "Key", "rotated"),
            ("EmployeeFired", "employee_id", "Employee", "fired"),
            ("EmployeeEmailChanged", "employee_id", "Employee", "email changed"),
            ("IntegrationSyncEvent", "integration_id", "Integration", "sync"),
            ("HTTPRequestSent", "http_request_id", "HTTPRequest", "sent"),
            ("PurchaseOrderPlaced", "order_id", "PurchaseOrder", "placed"),
            ("employee_created", "employee_id", "employee", "created"),
            ("Employee_Created", "employee_id", "Employee", "created"),
        ] {
            assert_reads(name, field, Some((entity, action)));
        }
        assert_reads("StockReserved", "order_id", None);
        assert_reads("BackorderPlaced", "order_id", None);
        assert_reads("Employee", "employee_id", None);
        assert_reads("EmployeesImported", "employee_id", None);
    }

    #[test]
    fn another_id_needs_a_past_tense_that_is_known() {
        for field in ["id", "entity_id", "address", "0", "_id"] {
            assert_reads("TimeLogCreated", field, Some(("TimeLog", "created")));
            assert_reads("InvoicePaid", field, Some(("Invoice", "paid")));
            for name in ["Created", "CreatedEvent", "NightFalls", "EmployeeCreatedV2"] {
                assert_reads(name, field, None);
            }
        }
    }

    #[test]
    fn the_past_tenses_are_in_order() {
        assert!(PAST_TENSES.is_sorted(), "binary search needs the order");
    }
}
