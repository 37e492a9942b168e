//! What an update changed, field by field.

mod compare;
mod conceal;
mod path;
#[cfg(test)]
mod properties;
mod same;

use std::fmt::{self, Display};
use std::slice;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub(crate) use self::conceal::Place;
use super::redaction;

/// How many changes a [`Changes`] holds at most. The others are counted by [`Changes::omitted`].
pub const MAX_CHANGES: usize = 200;

/// How many bytes an old or new value has at most. What is longer is cut, and [`Change::cut`] says so.
pub const MAX_CHANGE_VALUE: usize = 4 * 1024;

/// How many bytes all paths and values of a [`Changes`] have at most, as JSON: half of the default
/// [payload limit](crate::DEFAULT_PAYLOAD_LIMIT), so that an event has room for them. What does not fit
/// is counted by [`Changes::omitted`].
pub const MAX_CHANGES_SIZE: usize = 32 * 1024;

/// What an update changed, field by field: old value and new value.
///
/// Made by comparing a thing's state before and after, and carried by the event that tells of the
/// update, in a field with `#[event(changes)]`.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Serialize)]
/// struct Employee {
///     name: &'static str,
///     hours: u32,
///     started: &'static str,
/// }
///
/// let old = Employee { name: "Ada", hours: 40, started: "2026-01-01T09:00:00Z" };
/// let new = Employee { name: "Ada Lovelace", hours: 40, started: "2026-01-01T10:00:00+01:00" };
///
/// let changes = Changes::between(&old, &new)?;
/// assert_eq!(changes.to_string(), r#"name: "Ada" -> "Ada Lovelace""#);
/// # Ok::<(), cqrs_core::ChangesError>(())
/// ```
///
/// # How values are compared
///
/// By their JSON form:
///
/// - objects key by key, at any depth up to 16; below that as one value;
/// - lists that hold objects item by item, by position; other lists as one value;
/// - numbers by value: `1` is `1.0`; whole numbers exactly, however large;
/// - dates and times by value: texts that are [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) times of
///   one instant are the same, whatever their offsets; so are times without an offset that differ only in
///   how they are written, as `09:00` and `09:00:00`;
/// - everything else as it is written. `null` and an absent field differ.
///
/// # Paths
///
/// Each change has the path of its field as a JSON pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), such as `/address/city` or `/lines/0/amount`. For
/// people it is shown with dots: `address.city`, `lines.0.amount`. Methods that take a path take both
/// forms. In the second, `\.` is a dot in a field's name.
///
/// # Limits
///
/// [`MAX_CHANGES`], [`MAX_CHANGE_VALUE`] and [`MAX_CHANGES_SIZE`]; a value that is nested deeper than 64
/// levels is cut too. Whether one of them applied says [`is_complete`](Self::is_complete).
///
/// # Secrets
///
/// The values stand here in clear. What an event's own fields redact is redacted in its changes too: see
/// [`AnyEvent::redacted_changes`](crate::AnyEvent::redacted_changes). Leave out what nobody shall see,
/// such as a password's hash: [`without`](Self::without), [`mask`](Self::mask).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    list: Vec<Change>,
    #[serde(default, skip_serializing_if = "is_zero")]
    omitted: usize,
}

/// One field's old and new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Change {
    /// Where the field is, as a JSON pointer; `""` stands for the whole.
    pub path: String,
    /// What it was; `None` where the field was not there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// What it is; `None` where the field is no longer there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
    /// Whether one of the values was longer than [`MAX_CHANGE_VALUE`], or nested deeper than 64 levels. A
    /// text then ends with a note, and a note stands in the place of an object or a list.
    #[serde(default, skip_serializing_if = "is_false")]
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

    /// Masks the value at `path`. That something changed there stays visible, but not what below it: the
    /// names of keys, such as addresses, may tell as much as values, so what changed below `path` becomes
    /// one change.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # #[derive(Serialize)] struct Account { pin: u32 }
    /// let changes = Changes::between(&Account { pin: 1234 }, &Account { pin: 4321 })?.mask("pin");
    /// assert_eq!(changes.to_string(), r#"pin: "[redacted]" -> "[redacted]""#);
    /// # Ok::<(), cqrs_core::ChangesError>(())
    /// ```
    pub fn mask(mut self, path: &str) -> Self {
        self.replace(&Place::at(path), &mut |value| Some(redaction::masked(&value)));
        self
    }

    /// Leaves out what changed at `path` and below it.
    pub fn without(mut self, path: &str) -> Self {
        self.replace(&Place::at(path), &mut |_| None);
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

/// Tells `null` from nothing.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
