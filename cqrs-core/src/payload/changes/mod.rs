//! What an update changed, field by field.

mod compare;
mod path;
#[cfg(test)]
mod properties;
mod replace;
mod state;

use std::fmt::{self, Display};
use std::slice;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::redaction;

/// What an update changed, field by field: old value and new value. The event of the update carries it, in
/// a field with `#[event(changes)]`.
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
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Values are compared by their JSON form: objects key by key, at any depth; lists that hold objects item by
/// item, by position, after the items that are equal at the beginning and the end; everything else as one value. A
/// number is as its type writes it, but an integer of more than 64 bits is a text. The
/// items of a `HashSet` are sorted, because it has no order. `null` differs from an absent field, and `1` from `1.0`.
/// Each change has the path of its field as a JSON pointer, such as `/lines/0/amount`; it is shown with dots.
///
/// The values are in clear. Redactions of an event's fields apply to its changes too: see
/// [`AnyEvent::redacted_changes`](crate::AnyEvent::redacted_changes). Remove other secrets, such as a
/// password's hash, with [`without`](Self::without) or [`mask`](Self::mask).
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
    /// The old value; `None` if the field was absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// The new value; `None` if the field is now absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
    /// Whether one of the values was longer than [`Changes::MAX_VALUE_SIZE`], or nested deeper than 64
    /// levels. A text then ends with `[cut]`; an object or a list is replaced by `[cut]`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cut: bool,
}

impl Changes {
    /// The maximum number of changes; [`omitted`](Self::omitted) counts the others.
    pub const MAX_LEN: usize = 200;

    /// The largest value, in bytes of JSON or of a text. A longer value is [cut](Change::cut).
    pub const MAX_VALUE_SIZE: usize = 4 * 1024;

    /// The largest size of all changes together, in bytes of JSON: half of the default [payload
    /// limit](crate::AppBuilder::DEFAULT_PAYLOAD_LIMIT). [`omitted`](Self::omitted) counts the changes
    /// beyond it.
    pub const MAX_SIZE: usize = 32 * 1024;

    /// The changes between an old value and a new one.
    ///
    /// # Errors
    ///
    /// If one of the values has no JSON form, such as a map whose keys are not strings.
    pub fn between<T, U>(old: &T, new: &U) -> serde_json::Result<Self>
    where
        T: Serialize + ?Sized,
        U: Serialize + ?Sized,
    {
        Ok(compare::compare(&state::state(old)?, &state::state(new)?))
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.omitted == 0
    }

    /// How many changes it contains.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many further changes it does not contain.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether it contains all changes, with their whole values.
    pub fn is_complete(&self) -> bool {
        self.omitted == 0 && self.list.iter().all(|change| !change.cut)
    }

    /// The change of the field at `path`, if it changed: `get("address.city")` or `get("/address/city")`.
    pub fn get(&self, path: &str) -> Option<&Change> {
        let is_pointer = path.is_empty() || path.starts_with('/');
        let is_it = |it: &&Change| if is_pointer { it.path == path } else { it.dotted() == path };
        self.list.iter().find(is_it)
    }

    /// The changes, in the order of the fields.
    pub fn iter(&self) -> slice::Iter<'_, Change> {
        self.list.iter()
    }

    /// Masks the values of the field `name`, at any depth; case, `_` and `-` in names are ignored. All
    /// changes below the field become one, because keys, such as addresses, may be as secret as values.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # #[derive(Serialize)] struct Account { pin: u32 }
    /// let changes = Changes::between(&Account { pin: 1234 }, &Account { pin: 4321 })?.mask("pin");
    /// assert_eq!(changes.to_string(), r#"pin: "[redacted]" -> "[redacted]""#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn mask(mut self, name: &str) -> Self {
        self.replace(name, &mut |value| Some(redaction::masked(&value)));
        self
    }

    /// Removes the values of the field `name`, as [`mask`](Self::mask) finds them.
    pub fn without(mut self, name: &str) -> Self {
        self.replace(name, &mut |_| None);
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

/// Distinguishes `null` from an absent value.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
