//! A small product of three modules, which react to each other without depending on each other.
//!
//! - [`employees`] creates and lists employees, and announces each new one;
//! - [`notifications`] sends each new employee a welcome e-mail, which may fail;
//! - [`analytics`] counts the same employees, whatever happens to their e-mails.
//!
//! [`import`] turns the rows of a CSV file into commands. `main.rs` puts all of it together.

pub mod analytics;
pub mod employees;
pub mod import;
pub mod notifications;
