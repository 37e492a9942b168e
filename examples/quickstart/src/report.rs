//! What happened, for people.

use std::fmt::{self, Formatter};

use cqrs_core::lane::Failure;
use cqrs_core::operations::FailedDelivery;
use cqrs_core::{AnyEvent, ShutdownReport};
use quickstart::analytics::Department;
use quickstart::employees::{Employee, EmployeeCreated};
use quickstart::notifications::Email;

/// What happened during an import.
pub(crate) struct Report {
    pub(crate) file: String,
    pub(crate) tenant: String,
    pub(crate) employees: Vec<Employee>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) emails: Vec<Email>,
    pub(crate) failures: Failures,
    pub(crate) dead_letters: Vec<FailedDelivery>,
    pub(crate) dropped_letters: u64,
    pub(crate) departments: Vec<Department>,
    pub(crate) shutdown: ShutdownReport,
}

/// A row that did not become an employee.
pub(crate) struct Refusal {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Failed attempts. A reader that is too slow misses some, and gets their number.
#[derive(Default)]
pub(crate) struct Failures {
    pub(crate) seen: Vec<Failure>,
    pub(crate) missed: u64,
}

/// How many items a section shows.
const SHOWN: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (created, refused) = (self.employees.len(), self.refusals.len());
        let Self { file, tenant, .. } = self;
        writeln!(f, "Imported {file} for tenant {tenant}: {created} created, {refused} refused.")?;
        self.employees(f)?;
        self.refusals(f)?;
        self.emails(f)?;
        self.failures(f)?;
        self.dead_letters(f)?;
        self.departments(f)?;
        writeln!(f, "\nShut down: {}.", self.shutdown)
    }
}

impl Report {
    fn employees(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = count(&self.employees);
        section(f, "EMPLOYEES", total, "query ListEmployees")?;
        list(f, &self.employees, total, |f, employee| {
            line(f, &employee.full_name, &employee.department)
        })
    }

    fn refusals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        section(f, "REFUSED ROWS", count(&self.refusals), "the rest of the file went on")?;
        // All of them, because the user must correct each one.
        for refusal in &self.refusals {
            line(f, &format!("line {}", refusal.line), &refusal.reason)?;
        }
        Ok(())
    }

    fn emails(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = count(&self.emails);
        section(f, "E-MAILS SENT", total, "handler SendWelcomeEmail")?;
        list(f, &self.emails, total, |f, email| line(f, &email.to, &email.subject))
    }

    fn failures(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Failures { seen, missed } = &self.failures;
        let total = count(seen) + missed;
        section(f, "FAILED ATTEMPTS", total, "the same handler, retried with back-off")?;
        let mut seen: Vec<_> = seen.iter().collect();
        // An event's id contains the time of the publish, so this is the order of the rows.
        seen.sort_by_key(|failure| (failure.event.id(), failure.attempt));
        list(f, &seen, total, |f, failure| {
            let text = format!("attempt {}: {}", failure.attempt, failure.error);
            line(f, name(&failure.event), &text)
        })
    }

    fn dead_letters(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = count(&self.dead_letters) + self.dropped_letters;
        section(f, "DEAD LETTERS", total, "after the last attempt; can be delivered again")?;
        list(f, &self.dead_letters, total, |f, letter| {
            let FailedDelivery { event, handler, attempts, error, .. } = letter;
            line(f, name(event), &format!("{} for {handler}", event.name()))?;
            line(f, "", &format!("{attempts} attempts, the last: {error}"))?;
            line(f, "", &format!("e-mail in logs: {}", event.redacted_payload()["email"]))
        })
    }

    fn departments(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = count(&self.departments);
        section(f, "DEPARTMENTS", total, "handler CountEmployees, not hurt by its sibling")?;
        list(f, &self.departments, total, |f, department| {
            let Department { name, hired, welcomed } = department;
            line(f, name, &format!("{hired} hired, {welcomed} welcomed"))
        })
    }
}

/// A heading: how many there are, and where they come from.
fn section(f: &mut Formatter<'_>, title: &str, total: u64, origin: &str) -> fmt::Result {
    let title = format!("{title} ({total})");
    writeln!(f, "\n{title:<26}  {origin}")
}

/// Two columns that fit into a terminal.
fn line(f: &mut Formatter<'_>, left: &str, right: &str) -> fmt::Result {
    writeln!(f, "  {left:<24.24}  {right:.52}")
}

/// The first items, and the number of all others.
fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    total: u64,
    show: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let shown = &items[..items.len().min(SHOWN)];
    for item in shown {
        show(f, item)?;
    }
    match total - count(shown) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

fn count<T>(items: &[T]) -> u64 {
    items.len() as u64
}

/// The name of the employee that an event is about.
fn name(event: &AnyEvent) -> &str {
    match event.downcast_ref::<EmployeeCreated>() {
        Some(created) => &created.full_name,
        None => event.name(),
    }
}
