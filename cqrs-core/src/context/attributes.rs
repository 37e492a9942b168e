//! The attributes of a context.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Context;

/// At most 32 strings by key, sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(super) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    pub(super) fn insert(&mut self, key: String, value: String) -> Result<(), AttributeError> {
        if key.is_empty() || key.len() > Context::MAX_ATTRIBUTE_KEY {
            return Err(AttributeError::Key { bytes: key.len() });
        }
        if value.len() > Context::MAX_ATTRIBUTE_VALUE {
            return Err(AttributeError::Value { key, bytes: value.len() });
        }
        if self.0.len() >= Context::MAX_ATTRIBUTES && !self.0.contains_key(&key) {
            return Err(AttributeError::TooMany { key });
        }
        self.0.insert(key, value);
        Ok(())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, String>> for Attributes {
    type Error = AttributeError;

    fn try_from(entries: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        let mut attributes = Self::default();
        for (key, value) in entries {
            attributes.insert(key, value)?;
        }
        Ok(attributes)
    }
}

/// A context attribute was refused. Attributes travel with every message, so they are limited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The key is empty or too long.
    #[error("an attribute key has 1 to {} bytes, this one has {bytes}", Context::MAX_ATTRIBUTE_KEY)]
    Key {
        /// The refused key's length.
        bytes: usize,
    },
    /// The value is too long.
    #[error(
        "the value of attribute `{key}` has {bytes} bytes, at most {} are allowed; \
         carry an identifier instead",
        Context::MAX_ATTRIBUTE_VALUE
    )]
    Value {
        /// The attribute's key.
        key: String,
        /// The refused value's length.
        bytes: usize,
    },
    /// The context has too many attributes already.
    #[error(
        "attribute `{key}` is one too many: a context carries at most {}",
        Context::MAX_ATTRIBUTES
    )]
    TooMany {
        /// The key that was refused.
        key: String,
    },
}
