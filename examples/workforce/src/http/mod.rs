//! HTTP: what is common to the routes of all modules.

mod accept;
mod buses;
mod connections;
mod extract;
mod openapi;
mod origin;
mod pages;
mod problem;
mod router;
mod session;
mod steady;
mod trace;
mod unread;

pub use self::connections::ConnectionLimits;

pub(crate) use cqrs_http::Problem;

pub(crate) use self::buses::Buses;
pub(crate) use self::connections::{serve, until};
pub(crate) use self::extract::{Form, Json, Path, Query};
pub(crate) use self::problem::ProblemBody;
pub(crate) use self::router::{Parts, router};
pub(crate) use self::session::SessionCookie;
pub(crate) use self::unread::is_late;
