//! What the annotations submit at link time, and what is registered by hand.

mod handler;
mod injectable;
mod manual;
mod message;
mod plugin_service;
mod source;

pub use self::handler::{EventRoute, HandlerRegistration};
pub use self::injectable::{Alias, InjectableRegistration};
pub use self::manual::{BatchesHandler, EventsHandler, Handler};
pub use self::message::MessageRegistration;
pub use self::plugin_service::PluginService;
pub use self::source::Source;

pub(crate) use self::handler::{AnyHandler, ExecutionRoute, Handles};
pub(crate) use self::message::MessageDetails;
