//! What the annotations submit at link time, and what is registered by hand.

mod alias;
mod catalogue;
mod event_route;
mod execution_route;
mod handler;
mod injectable;
mod keyed;
mod manual;
mod message;
mod retried;
mod source;
mod unhandled;

pub use self::alias::{Cast, EventAlias};
pub use self::event_route::{EventRoute, TransactionalRoute};
pub use self::handler::HandlerRegistration;
pub use self::injectable::{InjectableRegistration, Offer, PluginService};
pub use self::manual::{BatchesHandler, EventsHandler, Handler};
pub use self::message::MessageRegistration;
pub use self::source::Source;

pub(crate) use self::catalogue::Catalogue;
pub(crate) use self::event_route::AnyHandler;
pub(crate) use self::execution_route::{ExecutionRoute, Means};
pub(crate) use self::injectable::Make;
pub(crate) use self::unhandled::Unhandled;
