//! The attributes of a context.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Context;

type Attributes = BTreeMap<String, String>;

pub(super) fn insert(
    attributes: &mut Attributes,
    key: String,
    value: String,
) -> Result<(), AttributeError> {
    if key.is_empty() || key.len() > Context::MAX_ATTRIBUTE_KEY {
        return Err(AttributeError::Key { bytes: key.len() });
    }
    if value.len() > Context::MAX_ATTRIBUTE_VALUE {
        return Err(AttributeError::Value { key, bytes: value.len() });
    }
    if attributes.len() >= Context::MAX_ATTRIBUTES && !attributes.contains_key(&key) {
        return Err(AttributeError::TooMany { key });
    }
    attributes.insert(key, value);
    Ok(())
}

/// The limits hold also for what is read.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Attributes, D::Error> {
    let mut attributes = Attributes::new();
    for (key, value) in Attributes::deserialize(from)? {
        insert(&mut attributes, key, value).map_err(D::Error::custom)?;
    }
    Ok(attributes)
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
