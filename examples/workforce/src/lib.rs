//! A small multi-tenant workforce product, in modules that know each other's messages and nothing else.
//!
//! Each module is a folder: its events, its commands and queries with their handlers, its tables, its
//! routes, and its reactions to events of the others. Around them is what they share: the database, HTTP,
//! and the rule of who may do what.

mod access;
pub mod activity;
pub mod cli;
pub mod config;
mod console;
pub mod db;
mod demo;
mod demo_work;
mod failure;
pub mod fields;
mod http;
mod import_command;
pub mod paging;
mod server;
mod visible;

pub mod employees;
pub mod integrations;
pub mod notifications;
pub mod organizations;
pub mod time_tracking;
pub mod users;

pub use self::access::Role;
pub use self::failure::Failure;

pub use self::http::ConnectionLimits;

pub use self::server::{Server, ServerError, application};
