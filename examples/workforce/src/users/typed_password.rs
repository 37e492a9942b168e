//! A password as somebody typed it.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// A text. What else is sent is refused without saying what it was, since that may be the password.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Typed;

    impl Visitor<'_> for Typed {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<String, E> {
            Err(E::custom("expected a text"))
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
            Err(E::custom("expected a text"))
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
            Err(E::custom("expected a text"))
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
            Err(E::custom("expected a text"))
        }
    }

    // Any: asked for a text, serde_json itself would say what it found.
    deserializer.deserialize_any(Typed)
}
