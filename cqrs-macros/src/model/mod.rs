//! What the annotations mean: everything the generated code needs, checked.

pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod injection;
pub(crate) mod message;
pub(crate) mod redaction;
pub(crate) mod rename;
