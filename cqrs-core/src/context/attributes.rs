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
    let (max_key, max_value) = (Context::MAX_ATTRIBUTE_KEY, Context::MAX_ATTRIBUTE_VALUE);
    let refused = |why: String| Err(AttributeError(why));
    if key.is_empty() || key.len() > max_key {
        let bytes = key.len();
        return refused(format!("an attribute key has 1 to {max_key} bytes, this one has {bytes}"));
    }
    if value.len() > max_value {
        return refused(format!(
            "the value of attribute `{key}` has {} bytes, at most {max_value} are allowed; \
             carry an identifier instead",
            value.len()
        ));
    }
    if attributes.len() >= Context::MAX_ATTRIBUTES && !attributes.contains_key(&key) {
        let max = Context::MAX_ATTRIBUTES;
        return refused(format!(
            "attribute `{key}` is one too many: a context carries at most {max}"
        ));
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
#[error("{0}")]
pub struct AttributeError(String);
