//! What the annotations mean: everything the generated code needs, checked.

pub(crate) mod description;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod function;
pub(crate) mod handler;
pub(crate) mod injection;
pub(crate) mod message;
pub(crate) mod parameter_type;
pub(crate) mod provider;
pub(crate) mod redaction;
pub(crate) mod rename;
pub(crate) mod secrets;
pub(crate) mod template;
pub(crate) mod upcast;
