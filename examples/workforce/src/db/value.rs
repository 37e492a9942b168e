//! What is bound to a statement.

use cqrs_core::TenantScope;
use jiff::Timestamp;
use uuid::Uuid;

/// A value for one `?`. Made by the macro `params!` from what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, and what is stored as text: identifiers.
    Text(Option<String>),
    /// Integers, and what is stored as such: times, in microseconds since 1970.
    Int(Option<i64>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

/// Now, as precise as it is stored.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// `params![ctx.tenant(), id, name]`: the values of a statement's parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use params;

/// What each type is stored as.
macro_rules! stored {
    ($($type:ty, $value:ident => $variant:ident($stored:expr);)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($stored))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $stored))
            }
        }
    )*};
}

stored! {
    &str, value => Text(value.to_owned());
    &String, value => Text(value.clone());
    String, value => Text(value);
    Uuid, value => Text(value.to_string());
    &TenantScope, value => Text(value.to_string());
    i64, value => Int(value);
    u32, value => Int(i64::from(value));
    Timestamp, value => Int(value.as_microsecond());
    Vec<u8>, value => Bytes(value);
}
