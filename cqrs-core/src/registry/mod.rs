//! What the annotations submit at link time, and what is registered by hand.

mod alias;
mod catalogue;
mod handler;
mod injectable;
mod manual;
mod message;
mod retried;
mod route;
mod source;
mod unhandled;

pub use self::alias::{Cast, EventAlias};
pub use self::handler::HandlerRegistration;
pub use self::injectable::{InjectableRegistration, Offer, PluginService};
pub use self::manual::{BatchesHandler, EventsHandler, Handler};
pub use self::message::MessageRegistration;
pub use self::route::{EventRoute, TransactionalRoute};
pub use self::source::Source;

pub(crate) use self::catalogue::Catalogue;
pub(crate) use self::injectable::Make;
pub(crate) use self::route::{AnyHandler, ExecutionRoute, Means};
pub(crate) use self::unhandled::Unhandled;
