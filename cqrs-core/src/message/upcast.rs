//! The payloads of older versions, in the current form.

use std::fmt::Display;

use serde::de::Error as _;
use serde_json::{Error, Result, Value};

use super::Event;
use crate::runtime::{Panic, catch_now};

/// An `E` from the text of a payload of this version. A payload of the current version is not read as a [`Value`],
/// which has no numbers beyond 64 bits.
pub(super) fn read<E: Event>(version: u32, payload: &str) -> Result<E> {
    if version == E::VERSION {
        return guard(|| E::from_json_text(payload));
    }
    if version > E::VERSION {
        return Err(Error::custom(format!(
            "it has version {version}, and this build knows `{}` up to version {}; it waits for a build that \
             knows version {version}",
            E::NAME,
            E::VERSION,
        )));
    }
    let mut payload = serde_json::from_str(payload)?;
    for from in version..E::VERSION {
        payload = guard(|| E::upcast(from, payload)).map_err(|error| {
            Error::custom(format!("its upcast from version {from} to {}: {error}", from + 1))
        })?;
    }
    guard(|| E::from_json(payload)).map_err(|error| {
        let to = E::VERSION;
        Error::custom(format!("its payload, upcast from version {version} to {to}: {error}"))
    })
}

/// Runs code of the user. A panic there would end the reading of the log for all handlers.
fn guard<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_now(run).unwrap_or_else(|Panic(text)| Err(Error::custom(format!("a panic: {text}"))))
}

/// What an upcast function returns: the payload, or a `Result` with it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what an upcast function returns",
    label = "neither `Value` nor `Result<Value, E>`",
    note = "write it as `fn(serde_json::Value) -> serde_json::Value`, or return `Result<serde_json::Value, E>`, where `E` has `Display`"
)]
pub trait Upcasted {
    #[doc(hidden)]
    fn upcasted(self) -> Result<Value>;
}

impl Upcasted for Value {
    fn upcasted(self) -> Result<Value> {
        Ok(self)
    }
}

impl<E: Display> Upcasted for std::result::Result<Value, E> {
    fn upcasted(self) -> Result<Value> {
        self.map_err(Error::custom)
    }
}

/// The error of an event that has no function for a version.
#[doc(hidden)]
pub fn no_upcast() -> Result<Value> {
    Err(Error::custom("the event has no function for this version"))
}
