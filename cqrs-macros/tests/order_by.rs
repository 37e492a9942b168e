//! What `#[event(order_by)]` says about an event.

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct TaskAssigned {
    #[event(entity_id)]
    task_id: u64,
    #[event(order_by, redact)]
    project: String,
}

#[derive(Serialize, Deserialize, Event)]
enum ProjectChanged {
    Renamed {
        #[event(order_by)]
        project: Option<String>,
    },
    Closed(#[event(entity_id, order_by)] u64),
    AllClosed,
}

fn order_by(event: &impl Event) -> Option<String> {
    event.order_by().map(ToString::to_string)
}

#[test]
fn an_event_is_ordered_by_the_value_of_the_field() {
    let event = TaskAssigned { task_id: 1, project: "Apollo".into() };
    assert_eq!(order_by(&event).as_deref(), Some("Apollo"));
}

#[test]
fn each_variant_of_an_enum_has_its_own_field_or_none() {
    let renamed =
        |project: Option<&str>| ProjectChanged::Renamed { project: project.map(Into::into) };
    assert_eq!(order_by(&renamed(Some("Apollo"))).as_deref(), Some("Apollo"));
    assert_eq!(order_by(&renamed(None)), None);
    assert_eq!(order_by(&ProjectChanged::Closed(7)).as_deref(), Some("7"));
    assert_eq!(order_by(&ProjectChanged::AllClosed), None);
}
