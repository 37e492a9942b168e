//! Every shape of event, and what is generated for it.

#![deny(warnings, clippy::pedantic)]

use std::convert::identity;

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct UnitCreated;

#[derive(Serialize, Deserialize, Event)]
#[event(version = 3, upcast(2 = identity::<serde_json::Value>, 1 = Self::empty))]
struct EmptyCreatedEvent {}

impl EmptyCreatedEvent {
    fn empty(_: serde_json::Value) -> serde_json::Result<serde_json::Value> {
        serde_json::from_str("{}")
    }
}

#[derive(Serialize, Deserialize, Event)]
struct NewTypeCreated(#[event(entity_id, redact)] u64);

#[derive(Serialize, Deserialize, Event)]
#[event(name = "tuple.made", entity = "Pair", action = "made")]
struct TupleCreated(#[event(redact)] String, #[event(entity_id)] Uuid);

#[derive(Serialize, Deserialize, Event)]
#[event(name = "employee.created")]
#[event(version = 2, entity = "Employee")]
#[event(upcast(1 = <u64 as FromOldForm>::with_type))]
struct EmployeeCreated {
    #[event(entity_id)]
    r#type: u64,
    #[event(redact)]
    #[serde(rename = "mail")]
    email: String,
}

trait FromOldForm {
    fn with_type(mut payload: serde_json::Value) -> Result<serde_json::Value, &'static str> {
        payload["type"] = payload["id"].take();
        if payload["type"].is_null() { Err("it has no `id`") } else { Ok(payload) }
    }
}

impl FromOldForm for u64 {}

#[derive(Serialize, Deserialize, Event)]
enum InvoicePaid {
    Card {
        #[event(entity_id)]
        invoice_id: u64,
        #[event(redact)]
        number: String,
    },
    Transfer(#[event(redact)] String, #[event(entity_id)] u64),
    Cash,
}

#[derive(Serialize, Deserialize, Event)]
struct DraftSaved {
    #[event(entity_id)]
    id: Option<u64>,
}

#[derive(Serialize, Deserialize, Event)]
enum Moved {
    Up(#[event(entity_id)] u64),
    Down {
        #[event(entity_id)]
        id: u64,
    },
}

#[derive(Serialize, Deserialize, Event)]
enum Level {
    Low,
    High,
}

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "renamed {entity_id}")]
enum TeamRenamed {
    Once {
        #[event(entity_id)]
        entity_id: u64,
        #[event(entity_name)]
        entity_name: Option<String>,
        #[event(changes)]
        changes: Changes,
    },
    #[event(describe = "{entity_id}: {0} is {1:?}, {entity}, {action}")]
    Twice(#[event(entity_id)] u64, Vec<u8>),
}

#[derive(Serialize, Deserialize, Event)]
#[event(activity = false, describe = "{type} by {action}, {{braces}}")]
struct ClockTicked {
    r#type: String,
    action: u8,
    #[event(changes, redact = drop)]
    changes: Option<Wrapped>,
}

#[derive(Serialize, Deserialize)]
struct Wrapped(Changes);

impl std::ops::Deref for Wrapped {
    type Target = Changes;

    fn deref(&self) -> &Changes {
        &self.0
    }
}

/// An event without values: nothing can be published, but the type is sound.
#[derive(Serialize, Deserialize, Event)]
enum Nothing {}

/// A retired event is still read from the store.
#[deprecated]
#[derive(Serialize, Deserialize, Event)]
struct BadgePrinted {
    #[event(entity_id)]
    id: u64,
}

#[allow(deprecated)]
#[events_handler(BadgePrinted)]
struct Reprint;

#[allow(deprecated)]
impl EventHandler<BadgePrinted> for Reprint {
    async fn handle(&self, event: &BadgePrinted, _: &Context) -> HandlerResult {
        let _ = event.id;
        Ok(())
    }
}

fn entity_id(event: &impl Event) -> Option<String> {
    event.entity_id().map(ToString::to_string)
}

#[test]
fn what_is_generated_for_each_shape() {
    assert_eq!(UnitCreated::NAME, "unit.created");
    assert_eq!(UnitCreated::VERSION, 1);
    assert_eq!((UnitCreated::ENTITY, UnitCreated::ACTION), (None, None));
    assert_eq!(entity_id(&UnitCreated), None);
    assert!(UnitCreated.redactions().is_empty());

    assert_eq!(EmptyCreatedEvent::NAME, "empty.created");
    assert_eq!(EmptyCreatedEvent::VERSION, 3);
    assert_eq!(entity_id(&EmptyCreatedEvent {}), None);
    let null = serde_json::Value::Null;
    assert_eq!(EmptyCreatedEvent::upcast(1, null.clone()).unwrap(), serde_json::json!({}));
    assert_eq!(EmptyCreatedEvent::upcast(2, null.clone()).unwrap(), null);
    assert!(EmptyCreatedEvent::upcast(3, null.clone()).is_err());
    assert!(UnitCreated::upcast(1, null).is_err());

    assert_eq!(NewTypeCreated::ENTITY, Some("NewType"));
    assert_eq!(entity_id(&NewTypeCreated(7)).as_deref(), Some("7"));
    assert_eq!(NewTypeCreated(7).redactions().len(), 1);

    assert_eq!(TupleCreated::NAME, "tuple.made");
    assert_eq!(TupleCreated::ENTITY, Some("Pair"));
    assert_eq!(TupleCreated::ACTION, Some("made"));
    let id = Uuid::nil();
    assert_eq!(entity_id(&TupleCreated(String::new(), id)), Some(id.to_string()));

    assert_eq!(EmployeeCreated::VERSION, 2);
    let upcast = |payload| EmployeeCreated::upcast(1, payload).map_err(|error| error.to_string());
    let payload = upcast(serde_json::json!({ "id": u64::MAX })).unwrap();
    assert_eq!(payload["type"], u64::MAX);
    assert_eq!(upcast(serde_json::json!({})), Err("it has no `id`".to_owned()));
    assert_eq!(EmployeeCreated::ENTITY, Some("Employee"));
    assert_eq!(EmployeeCreated::ACTION, Some("created"));
    let event = EmployeeCreated { r#type: 5, email: String::new() };
    assert_eq!(entity_id(&event).as_deref(), Some("5"));

    assert_eq!(InvoicePaid::NAME, "invoice.paid");
    let card = InvoicePaid::Card { invoice_id: 1, number: String::new() };
    assert_eq!(entity_id(&card).as_deref(), Some("1"));
    assert_eq!(card.redactions().len(), 1);
    let transfer = InvoicePaid::Transfer(String::new(), 2);
    assert_eq!(entity_id(&transfer).as_deref(), Some("2"));
    assert_eq!(entity_id(&InvoicePaid::Cash), None);
    assert!(InvoicePaid::Cash.redactions().is_empty());

    assert_eq!(entity_id(&DraftSaved { id: Some(9) }).as_deref(), Some("9"));
    assert_eq!(entity_id(&DraftSaved { id: None }), None);

    assert_eq!(Moved::ENTITY, None);
    assert_eq!(entity_id(&Moved::Up(3)).as_deref(), Some("3"));
    assert_eq!(entity_id(&Moved::Down { id: 4 }).as_deref(), Some("4"));
    assert_eq!(entity_id(&Level::Low), None);
    assert_eq!(entity_id(&Level::High), None);
    assert_eq!(Nothing::NAME, "nothing");

    let changes = Changes::between(&1, &2).unwrap();
    let once =
        TeamRenamed::Once { entity_id: 5, entity_name: Some("A".into()), changes: changes.clone() };
    assert_eq!(once.description().as_deref(), Some("renamed 5"));
    assert_eq!(once.entity_name().map(ToString::to_string).as_deref(), Some("A"));
    assert_eq!(once.changes(), Some(&changes));
    let twice = TeamRenamed::Twice(6, vec![1]);
    assert_eq!(twice.description().as_deref(), Some("6: 6 is [1], Team, renamed"));
    assert_eq!(twice.changes(), None);
    const { assert!(TeamRenamed::ACTIVITY && !ClockTicked::ACTIVITY) };
    let tick =
        ClockTicked { r#type: "t".into(), action: 1, changes: Some(Wrapped(changes.clone())) };
    assert_eq!(tick.description().as_deref(), Some("t by 1, {braces}"));
    assert_eq!(tick.changes(), Some(&changes));
}
