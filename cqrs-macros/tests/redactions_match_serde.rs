//! The pointers that `#[event(redact)]` computes hit the marked values in the JSON that serde
//! really writes, and only those.

#![allow(dead_code, reason = "nothing reads a field that serde skips")]

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use serde_json::{Value, json};

const SECRET: &str = "secret";
const SHOWN: &str = "shown";

fn secret() -> String {
    SECRET.to_owned()
}

fn shown() -> String {
    SHOWN.to_owned()
}

/// Publishes `event` and checks its form in logs.
#[track_caller]
fn assert_logged_as<E: Event>(event: E, expected: &Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let payload = runtime.block_on(async {
        let app = TestApp::builder().build().expect("the app builds");
        let ctx = Context::for_tenant("acme").expect("a tenant");
        app.publish(&ctx, event).await.expect("published");
        app.published::<E>()[0].as_any().redacted_payload()
    });
    assert_eq!(payload, *expected);
}

#[derive(Serialize, Deserialize, Event)]
#[serde(rename_all = "camelCase")]
struct Named {
    r#type: String,
    #[event(redact)]
    home_address: String,
    #[event(redact)]
    #[serde(rename = "e/mail~1")]
    email: String,
    #[event(redact)]
    #[serde(rename(serialize = "phone_out", deserialize = "phone_in"))]
    phone: String,
    #[event(redact)]
    #[serde(skip_serializing_if = "Option::is_none")]
    fax: Option<String>,
    #[event(redact)]
    #[serde(skip)]
    token: String,
    #[event(redact)]
    #[serde(default, with = "reversed")]
    code: String,
}

mod reversed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text.chars().rev().collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        Ok(String::deserialize(from)?.chars().rev().collect())
    }
}

#[test]
fn named_fields() {
    let event = |fax| Named {
        r#type: shown(),
        home_address: secret(),
        email: secret(),
        phone: secret(),
        fax,
        token: secret(),
        code: secret(),
    };
    let logged = json!({
        "type": SHOWN,
        "homeAddress": "[redacted]",
        "e/mail~1": "[redacted]",
        "phone_out": "[redacted]",
        "code": "[redacted]",
    });
    assert_logged_as(event(None), &logged);
    let mut with_fax = logged;
    with_fax["fax"] = "[redacted]".into();
    assert_logged_as(event(Some(secret())), &with_fax);
}

#[derive(Serialize, Deserialize, Event)]
struct NewType(#[event(redact)] String);

#[derive(Serialize, Deserialize, Event)]
struct SkippedNewType(
    #[event(redact)]
    #[serde(skip_serializing)]
    String,
);

#[derive(Serialize, Deserialize, Event)]
#[serde(transparent)]
struct Transparent {
    #[event(redact)]
    only: String,
}

#[derive(Serialize, Deserialize, Event)]
struct Tuple(
    String,
    #[serde(skip)] String,
    #[event(redact)] String,
    #[event(redact)]
    #[serde(skip_serializing_if = "Option::is_none")]
    Option<String>,
);

#[test]
fn tuples() {
    assert_logged_as(NewType(secret()), &json!("[redacted]"));
    assert_logged_as(SkippedNewType(secret()), &json!("[redacted]"));
    assert_logged_as(Transparent { only: secret() }, &json!("[redacted]"));
    let masked = "[redacted]";
    assert_logged_as(Tuple(shown(), shown(), secret(), None), &json!([SHOWN, masked]));
    let with_last = Tuple(shown(), shown(), secret(), Some(secret()));
    assert_logged_as(with_last, &json!([SHOWN, masked, masked]));
}

/// The same enum in another representation.
macro_rules! enum_event {
    ($name:ident, $(#[$attr:meta])*) => {
        #[derive(Serialize, Deserialize, Event)]
        $(#[$attr])*
        enum $name {
            UnitOnly,
            NewType(#[event(redact)] String),
            TwoParts(String, #[event(redact)] String),
            HomeAddress {
                shown_too: String,
                #[event(redact)]
                street_name: String,
            },
            #[serde(rename = "own", rename_all = "SCREAMING-KEBAB-CASE")]
            Renamed {
                #[event(redact)]
                street_name: String,
            },
            Empty(
                #[event(redact)]
                #[serde(skip)]
                String,
            ),
        }

        impl $name {
            fn all() -> [Self; 6] {
                [
                    Self::UnitOnly,
                    Self::NewType(secret()),
                    Self::TwoParts(shown(), secret()),
                    Self::HomeAddress { shown_too: shown(), street_name: secret() },
                    Self::Renamed { street_name: secret() },
                    Self::Empty(secret()),
                ]
            }
        }
    };
}

enum_event!(External,);
enum_event!(
    ExternalRenamed,
    #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
);
enum_event!(
    Adjacent,
    #[serde(tag = "t", content = "c/d", rename_all = "UPPERCASE")]
);
enum_event!(
    Untagged,
    #[serde(untagged)]
);

#[test]
fn enums() {
    let masked = "[redacted]";
    let expected = [
        json!("UnitOnly"),
        json!({"NewType": masked}),
        json!({"TwoParts": [SHOWN, masked]}),
        json!({"HomeAddress": {"shown_too": SHOWN, "street_name": masked}}),
        json!({"own": {"STREET-NAME": masked}}),
        json!("Empty"),
    ];
    External::all()
        .into_iter()
        .zip(&expected)
        .for_each(|(event, json)| assert_logged_as(event, json));
    let expected = [
        json!("unit_only"),
        json!({"new_type": masked}),
        json!({"two_parts": [SHOWN, masked]}),
        json!({"home_address": {"shownToo": SHOWN, "streetName": masked}}),
        json!({"own": {"STREET-NAME": masked}}),
        json!("empty"),
    ];
    let events = ExternalRenamed::all().into_iter();
    events.zip(&expected).for_each(|(event, json)| assert_logged_as(event, json));
    let expected = [
        json!({"t": "UNITONLY"}),
        json!({"t": "NEWTYPE", "c/d": masked}),
        json!({"t": "TWOPARTS", "c/d": [SHOWN, masked]}),
        json!({"t": "HOMEADDRESS", "c/d": {"shown_too": SHOWN, "street_name": masked}}),
        json!({"t": "own", "c/d": {"STREET-NAME": masked}}),
        json!({"t": "EMPTY"}),
    ];
    Adjacent::all()
        .into_iter()
        .zip(&expected)
        .for_each(|(event, json)| assert_logged_as(event, json));
    let expected = [
        json!(null),
        json!(masked),
        json!([SHOWN, masked]),
        json!({"shown_too": SHOWN, "street_name": masked}),
        json!({"STREET-NAME": masked}),
        json!(null),
    ];
    Untagged::all()
        .into_iter()
        .zip(&expected)
        .for_each(|(event, json)| assert_logged_as(event, json));
}

#[derive(Serialize, Deserialize, Event)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Internal {
    InPerson {
        place: String,
        #[event(redact)]
        guest: String,
    },
    #[serde(untagged)]
    Other(#[event(redact)] String),
}

#[test]
fn internally_tagged_enums() {
    let event = Internal::InPerson { place: shown(), guest: secret() };
    let logged = json!({"kind": "in-person", "place": SHOWN, "guest": "[redacted]"});
    assert_logged_as(event, &logged);
    assert_logged_as(Internal::Other(secret()), &json!("[redacted]"));
}

#[derive(Serialize, Deserialize)]
struct Details {
    room: String,
}

#[derive(Serialize, Deserialize, Event)]
#[serde(tag = "type")]
struct Flattened {
    #[serde(flatten)]
    details: Details,
    #[event(redact)]
    guest: String,
}

#[test]
fn a_marked_field_beside_a_flattened_one() {
    let event = Flattened { details: Details { room: shown() }, guest: secret() };
    let logged = json!({"type": "Flattened", "room": SHOWN, "guest": "[redacted]"});
    assert_logged_as(event, &logged);
}
