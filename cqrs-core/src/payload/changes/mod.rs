//! What an update changed, field by field.

mod compare;
mod path;
#[cfg(test)]
mod properties;
mod replace;

use std::fmt::{self, Display};
use std::slice;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub(crate) use self::replace::Target;
use super::redaction;

/// What an update changed, field by field: old value and new value.
///
/// Made by comparing an entity before and after, and carried by the event of the update, in a field with
/// `#[event(changes)]`.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize)]
/// struct Employee {
///     name: &'static str,
///     hours: u32,
/// }
///
/// let old = Employee { name: "Ada", hours: 40 };
/// let new = Employee { name: "Ada Lovelace", hours: 40 };
///
/// let changes = Changes::between(&old, &new)?;
/// assert_eq!(changes.to_string(), r#"name: "Ada" -> "Ada Lovelace""#);
/// # Ok::<(), cqrs_core::payload::ChangesError>(())
/// ```
///
/// # How values are compared
///
/// By their JSON form: objects key by key, at any depth; lists that hold objects item by item, by position;
/// everything else as one value. `null` and an absent field differ, and so do `1` and `1.0`.
///
/// # Paths
///
/// Each change has the path of its field as a JSON pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), such as `/address/city` or `/lines/0/amount`.
/// People read it with dots: `address.city`. Methods that take a path take both forms; a key with a dot in it
/// needs the pointer.
///
/// # Secrets
///
/// The values are here in clear. What an event's own fields redact is redacted in its changes too: see
/// [`AnyEvent::redacted_changes`](crate::AnyEvent::redacted_changes). Leave out other secrets, such as a
/// password's hash: [`without`](Self::without), [`mask`](Self::mask).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    list: Vec<Change>,
    #[serde(default, skip_serializing_if = "is_default")]
    omitted: usize,
}

/// One field's old and new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Change {
    /// Where the field is, as a JSON pointer; `""` for the whole.
    pub path: String,
    /// What it was; `None` if the field was not there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// What it is; `None` if the field is no longer there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
    /// Whether one of the values was longer than [`Changes::MAX_VALUE_SIZE`], or nested deeper than 64 levels:
    /// a text then ends with `[cut]`, and `[cut]` takes the place of an object or a list.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cut: bool,
}

/// Why two values cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangesError {
    /// The value before has no JSON form, such as a map whose keys are no strings.
    #[error("the old value cannot be written as JSON: {0}")]
    Old(#[source] serde_json::Error),
    /// The value after has no JSON form.
    #[error("the new value cannot be written as JSON: {0}")]
    New(#[source] serde_json::Error),
}

impl Changes {
    /// How many changes it holds at most; [`omitted`](Self::omitted) counts the others.
    pub const MAX_LEN: usize = 200;

    /// How many bytes a value has at most: of JSON, or of a text. What is longer is [cut](Change::cut).
    pub const MAX_VALUE_SIZE: usize = 4 * 1024;

    /// How many bytes of JSON all changes have at most: half of the default
    /// [payload limit](crate::AppBuilder::DEFAULT_PAYLOAD_LIMIT). [`omitted`](Self::omitted) counts what is beyond.
    pub const MAX_SIZE: usize = 32 * 1024;

    /// What differs between a thing before and after.
    ///
    /// # Errors
    ///
    /// When one of the values has no JSON form.
    pub fn between<T, U>(old: &T, new: &U) -> Result<Self, ChangesError>
    where
        T: Serialize + ?Sized,
        U: Serialize + ?Sized,
    {
        let old = serde_json::to_value(old).map_err(ChangesError::Old)?;
        let new = serde_json::to_value(new).map_err(ChangesError::New)?;
        Ok(compare::compare(&old, &new))
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.omitted == 0
    }

    /// How many changes are held.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many more there were, which are not held.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether all changes are held, with their whole values.
    pub fn is_complete(&self) -> bool {
        self.omitted == 0 && self.list.iter().all(|change| !change.cut)
    }

    /// The change of the field at `path`, if it changed: `get("address.city")` or `get("/address/city")`.
    pub fn get(&self, path: &str) -> Option<&Change> {
        let pointer = path::pointer(path);
        self.list.iter().find(|change| change.path == pointer)
    }

    /// The changes, in the order of the fields.
    pub fn iter(&self) -> slice::Iter<'_, Change> {
        self.list.iter()
    }

    /// Masks the value at `path`. That something changed there remains visible. What changed below `path`
    /// becomes one change, since keys, such as addresses, may be as secret as values.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # #[derive(Serialize)] struct Account { pin: u32 }
    /// let changes = Changes::between(&Account { pin: 1234 }, &Account { pin: 4321 })?.mask("pin");
    /// assert_eq!(changes.to_string(), r#"pin: "[redacted]" -> "[redacted]""#);
    /// # Ok::<(), cqrs_core::payload::ChangesError>(())
    /// ```
    pub fn mask(mut self, path: &str) -> Self {
        self.replace(&Target::at(path), &mut |value| Some(redaction::masked(&value)));
        self
    }

    /// Leaves out what changed at `path` and below it.
    pub fn without(mut self, path: &str) -> Self {
        self.replace(&Target::at(path), &mut |_| None);
        self
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// All changes in one line, with commas: `name: "Ada" -> "Ada Lovelace", phone: nothing -> "42"`.
impl Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            change.fmt(f)?;
        }
        match (self.omitted, self.list.is_empty()) {
            (0, _) => Ok(()),
            (omitted, true) => write!(f, "{omitted} changes that are not shown"),
            (omitted, false) => write!(f, ", and {omitted} more"),
        }
    }
}

impl Change {
    /// The path with dots, for people: `address.city`.
    pub fn dotted(&self) -> String {
        path::dotted(&self.path)
    }
}

/// `address.city: "London" -> "Paris"`, with both values as JSON, and `nothing` for none.
impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        write!(f, "{}: {} -> {}", self.dotted(), side(&self.old), side(&self.new))
    }
}

/// Keeps `null` and nothing apart.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
