//! What time tracking has to do with events of other modules.

use cqrs_core::prelude::*;

use super::Week;
use super::book::Book;
use super::repository::TimeRepository;
use crate::employees::EmployeeCreated;

/// A new employee finds the timesheet of the present week opened.
#[events_handler(EmployeeCreated)]
struct OpenFirstTimesheet {
    time: Arc<TimeRepository>,
}

impl EventHandler<EmployeeCreated> for OpenFirstTimesheet {
    async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
        let Some(mut tx) = self.time.db.once(ctx, "open-first-timesheet").await? else {
            return Ok(());
        };
        let mut book = Book::open(&mut tx, ctx, event.employee_id).await?;
        book.timesheet(Week::current()).await?;
        tx.commit().await?;
        Ok(())
    }
}
