//! A small product of three modules that react to each other and do not depend on each other.
//!
//! - [`employees`] creates and lists employees, and publishes an event for each new one;
//! - [`notifications`] sends a welcome e-mail to each new employee, which may fail;
//! - [`analytics`] counts the same employees, whatever happens to their e-mails.
//!
//! [`import`] turns the rows of a CSV file into commands. `main.rs` puts all of it together.

pub mod analytics;
pub mod employees;
pub mod import;
pub mod notifications;
