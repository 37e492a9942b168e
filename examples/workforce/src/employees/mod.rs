//! People who work for a tenant.

mod commands;
mod employee;
mod events;
mod hours;
pub(crate) mod http;
mod joining;
mod queries;
mod reactions;
mod repository;

pub use self::commands::{CreateEmployee, UpdateEmployee};
pub use self::employee::{Employee, EmployeeStatus};
pub use self::events::{EmployeeCreated, EmployeeUpdated};
pub use self::hours::{EmployeeHours, FindEmployeeHours};
pub use self::queries::{FindEmployee, FindEmployeeByEmail, FindEmployeeOfUser, ListEmployees};
