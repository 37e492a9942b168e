//! The real application in tests: on a paused or a real clock, watched, shuffled, delivered twice.
//!
//! ```standalone_crate
//! use cqrs_core::prelude::*;
//! use cqrs_core::testing::TestApp;
//!
//! #[derive(Serialize, Deserialize, Event)]
//! struct TaskCreated {
//!     #[event(entity_id)]
//!     task_id: u64,
//! }
//!
//! #[derive(Serialize, Deserialize, Event)]
//! struct ReminderCreated {
//!     #[event(entity_id)]
//!     task_id: u64,
//! }
//!
//! #[events_handler(TaskCreated)]
//! struct CreateReminder {
//!     events: EventBus,
//! }
//!
//! impl EventHandler<TaskCreated> for CreateReminder {
//!     async fn handle(&self, event: &TaskCreated, ctx: &Context) -> HandlerResult {
//!         self.events.publish(ctx, ReminderCreated { task_id: event.task_id }).await?;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a function annotated with `#[tokio::test(start_paused = true)]`, back-off takes no time.
//! let app = TestApp::builder().shuffle(None).deliver_twice().build()?;
//! let ctx = Context::for_tenant("acme")?;
//! app.publish(&ctx, TaskCreated { task_id: 7 }).await?;
//! app.settled().await;
//!
//! let deliveries = app.deliveries_to::<CreateReminder>();
//! assert!(deliveries.iter().all(|delivery| delivery.is_handled()));
//! let reminders = app.published::<ReminderCreated>();
//! assert_eq!(reminders.len(), 2, "not idempotent: delivered twice, it reminds twice");
//! # Ok(())
//! # }
//! ```
//!
//! If a test fails, its `TestApp` prints what happened, and the seed with which to repeat it.

mod builder;
mod record;
mod recorder;
mod shuffle;
mod test_app;
mod timeline;

pub use self::builder::TestAppBuilder;
pub use self::record::DeliveryRecord;
pub use self::test_app::TestApp;
pub use crate::observe::ExecutionRecord;
