//! What an event says about itself to an activity log, and what it never tells.

use std::collections::HashMap;
use std::fmt::{self, Display};

use cqrs_core::modules;
use cqrs_core::payload::Redaction;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use serde_json::{Map, Value, json};

/// The event as everybody who looks at all events gets it.
async fn published<E: Event>(event: E) -> AnyEvent {
    let app =
        TestApp::from_builder(App::builder().only(modules![self])).build().expect("the app builds");
    let ctx = Context::for_tenant("acme").expect("a tenant");
    app.publish(&ctx, event).await.expect("published");
    app.published::<E>()[0].as_any().clone()
}

#[derive(Serialize)]
struct Employee<'a> {
    full_name: &'a str,
    email: &'a str,
    contacts: Vec<Contact<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact<'a> {
    kind: &'a str,
    home_address: &'a str,
}

fn employee<'a>(full_name: &'a str, email: &'a str, home_address: &'a str) -> Employee<'a> {
    Employee { full_name, email, contacts: vec![Contact { kind: "home", home_address }] }
}

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "updated {entity} {full_name} ({manager|without a manager})")]
struct EmployeeUpdated {
    #[event(entity_id)]
    id: u64,
    #[event(entity_name)]
    full_name: String,
    manager: Option<String>,
    #[event(redact)]
    #[serde(rename = "mail")]
    email: String,
    #[event(redact = hash)]
    home_address: String,
    #[event(redact = drop)]
    notes: Option<String>,
    #[event(changes)]
    changes: Changes,
}

fn updated() -> EmployeeUpdated {
    let old = employee("Ada", "old@example.com", "1 Old Street");
    let new = employee("Ada Lovelace", "new@example.com", "2 New Street");
    EmployeeUpdated {
        id: 7,
        full_name: "Ada Lovelace".into(),
        manager: None,
        email: "new@example.com".into(),
        home_address: "2 New Street".into(),
        notes: Some("a secret".into()),
        changes: Changes::between(&old, &new).expect("JSON"),
    }
}

fn hash(value: &Value) -> String {
    format!("#{}", value.to_string().len())
}

#[tokio::test]
async fn an_event_names_its_entity_and_describes_what_happened() {
    let event = published(updated()).await;
    assert_eq!(event.entity_name().map(ToString::to_string).as_deref(), Some("Ada Lovelace"));
    assert_eq!(
        event.description().as_deref(),
        Some("updated Employee Ada Lovelace (without a manager)")
    );
    assert!(event.is_activity());
    assert_eq!(event.changes().map(Changes::len), Some(3));
}

#[tokio::test]
async fn changes_do_not_tell_what_the_event_redacts() {
    let event = published(updated()).await;
    let shown = |changes: Option<Changes>| changes.expect("changes").to_string();
    assert_eq!(
        shown(event.redacted_changes()),
        r#"contacts.0.homeAddress: "[redacted]" -> "[redacted]", email: "[redacted]" -> "[redacted]", full_name: "Ada" -> "Ada Lovelace""#
    );
    assert_eq!(
        shown(event.redacted_changes_with(hash)),
        r##"contacts.0.homeAddress: "#14" -> "#14", email: "[redacted]" -> "[redacted]", full_name: "Ada" -> "Ada Lovelace""##
    );
}

#[tokio::test]
async fn a_payload_hides_the_same_in_its_changes() {
    let event = published(updated()).await;
    let payload = event.redacted_payload_with(hash);
    assert_eq!(payload["mail"], "[redacted]");
    assert_eq!(payload["home_address"], "#14");
    assert_eq!(payload.get("notes"), None);
    let changes = serde_json::to_value(event.redacted_changes_with(hash)).expect("JSON");
    assert_eq!(payload["changes"], changes);
    for text in [payload.to_string(), event.redacted_payload().to_string(), format!("{event:?}")] {
        for secret in ["old@", "new@", "Old Street", "New Street", "a secret"] {
            assert!(!text.contains(secret), "{secret} stands in {text}");
        }
    }
    assert_eq!(event.redacted_payload()["home_address"], "[redacted]");
}

#[derive(Serialize, Deserialize, Event)]
#[event(entity = "Invoice", action = "paid", describe = "{action} an {entity}")]
enum InvoicePaid {
    #[event(describe = "paid {0} with a card")]
    Card(#[event(entity_id)] u64, #[event(redact)] String),
    #[event(describe = "{type} by {entity_name|nobody:>8} and {name|?}")]
    Other {
        r#type: String,
        #[event(entity_name)]
        name: Option<String>,
    },
    Changed {
        #[event(changes)]
        changes: Option<Box<Changes>>,
    },
    Refunded {
        #[event(redact = drop)]
        reason: String,
    },
}

#[tokio::test]
async fn each_variant_has_its_own_description_and_the_others_share_one() {
    let described = async |event| published::<InvoicePaid>(event).await.description().unwrap();
    assert_eq!(described(InvoicePaid::Card(3, "4711".into())).await, "paid 3 with a card");
    let other = |name: Option<&str>| InvoicePaid::Other {
        r#type: "gift".into(),
        name: name.map(Into::into),
    };
    assert_eq!(described(other(None)).await, "gift by   nobody and ?");
    assert_eq!(described(other(Some("Ada"))).await, "gift by      Ada and Ada");
    assert_eq!(described(InvoicePaid::Changed { changes: None }).await, "paid an Invoice");
}

#[tokio::test]
async fn changes_do_not_tell_what_another_variant_redacts() {
    let changes =
        Changes::between(&json!({"reason": 1, "sum": 1}), &json!({"reason": 2, "sum": 2}));
    let changes = Some(Box::new(changes.unwrap()));
    let event = published(InvoicePaid::Changed { changes }).await;
    assert_eq!(event.redacted_changes().unwrap().to_string(), "sum: 1 -> 2");
    assert_eq!(
        event.redacted_payload(),
        json!({"Changed": {"changes": {"list": [{"path": "/sum", "old": 1, "new": 2}]}}})
    );
    let none = published(InvoicePaid::Changed { changes: None }).await;
    assert_eq!(none.redacted_changes(), None);
    assert_eq!(none.redacted_payload(), json!({"Changed": {"changes": null}}));
}

#[derive(Serialize, Deserialize, Event)]
struct EverythingChanged(#[event(changes, redact)] Changes);

#[tokio::test]
async fn changes_that_are_redacted_themselves_tell_nothing() {
    let changes = Changes::between(&1, &2).unwrap();
    let event = published(EverythingChanged(changes)).await;
    assert_eq!(
        event.redacted_changes().unwrap().to_string(),
        r#"the whole: "[redacted]" -> "[redacted]""#
    );
    assert_eq!(event.redacted_payload(), json!("[redacted]"));
}

#[derive(Serialize, Deserialize, Event)]
struct PersonUpdated {
    #[event(redact)]
    contacts: HashMap<String, Contacted>,
    #[event(changes)]
    changes: Changes,
}

#[derive(Clone, Serialize, Deserialize)]
struct Contacted {
    calls: u32,
}

#[tokio::test]
async fn changes_do_not_tell_the_keys_of_what_the_event_redacts() {
    let person = |calls: &[(&str, u32)]| {
        let contacts =
            calls.iter().map(|(mail, calls)| (mail.to_string(), json!({"calls": calls})));
        json!({"contacts": contacts.collect::<Map<_, _>>(), "name": "Ada"})
    };
    let old = person(&[("ada@example.com", 1), ("eve@example.com", 1)]);
    let new = person(&[("ada@example.com", 2), ("bob@example.com", 1)]);
    let changes = Changes::between(&old, &new).unwrap();
    let event = published(PersonUpdated { contacts: HashMap::new(), changes }).await;
    let shown = event.redacted_changes().unwrap().to_string();
    assert_eq!(shown, r#"contacts: "[redacted]" -> "[redacted]""#);
    assert!(!event.redacted_payload().to_string().contains("example.com"));
}

/// Written in another way than in JSON.
#[derive(Clone, Serialize, Deserialize)]
struct Iban(String);

impl Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", &self.0[..4], &self.0[4..])
    }
}

#[derive(Serialize, Deserialize, Event)]
#[event(name = "account.opened")]
enum AccountOpened {
    Bank {
        #[event(entity_id, redact)]
        iban: Iban,
    },
    Cash(#[event(entity_id)] u32, #[event(redact)] u32),
}

#[tokio::test]
async fn an_entity_id_that_is_redacted_is_told_by_no_log() {
    let event = published(AccountOpened::Bank { iban: Iban("DE89370400".into()) }).await;
    assert_eq!(event.redacted_entity_id().as_deref(), Some("[redacted]"));
    let hashed = event.redacted_entity_id_with(hash);
    assert_eq!(hashed.as_deref(), Some("#13"), "of what its `Display` writes");
    let event = published(AccountOpened::Cash(7, 7)).await;
    assert_eq!(event.redacted_entity_id().as_deref(), Some("7"));
    let event = published(NoteWritten("of nothing".into())).await;
    assert_eq!(event.redacted_entity_id(), None);
}

/// An event written by hand whose payload is not what its redactions expect.
#[derive(Serialize, Deserialize)]
struct ByHand {
    changes: Value,
}

impl Event for ByHand {
    const NAME: &'static str = "by.hand";
    const ACTIVITY: bool = false;

    fn redactions(&self) -> &'static [Redaction] {
        const { &[Redaction::drop("/changes").changes_of("pin")] }
    }
}

#[tokio::test]
async fn what_cannot_be_read_as_changes_is_masked() {
    let secret = json!({"list": [{"path": "/pin", "old": 1, "new": 2, "note": 1}]});
    let event = published(ByHand { changes: secret }).await;
    assert_eq!(event.redacted_payload(), json!({"changes": "[redacted]"}));
    assert!(!event.is_activity());
    assert_eq!((event.description(), event.changes()), (None, None));
    let readable = json!({"list": [{"path": "/pin", "old": 1}, {"path": "/x", "old": null}]});
    let event = published(ByHand { changes: readable }).await;
    let expected = json!({"changes": {"list": [{"path": "/x", "old": null}]}});
    assert_eq!(event.redacted_payload(), expected);
}

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "{0} {0}")]
struct NoteWritten(String);

#[tokio::test]
async fn a_description_is_bounded() {
    let event = published(NoteWritten("ä".repeat(2000))).await;
    let description = event.description().unwrap();
    assert_eq!(description.chars().count(), 1025);
    assert!(description.ends_with("ä…"));
}
