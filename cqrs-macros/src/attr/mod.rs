//! Reads annotations: the grammar of each option, not its meaning.

pub(crate) mod batch;
pub(crate) mod breaker;
pub(crate) mod conditional;
pub(crate) mod dead_letters;
pub(crate) mod duration;
pub(crate) mod emits;
pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod injectable;
pub(crate) mod krate;
pub(crate) mod message;
pub(crate) mod options;
pub(crate) mod order;
pub(crate) mod rate;
pub(crate) mod requires;
pub(crate) mod retry;
pub(crate) mod serde;
pub(crate) mod start;
pub(crate) mod upcast;
pub(crate) mod value;
