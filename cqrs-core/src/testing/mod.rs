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
//! #[events_handler(TaskCreated)]
//! struct RemindManager(Arc<std::sync::Mutex<Vec<u64>>>);
//!
//! impl EventHandler<TaskCreated> for RemindManager {
//!     async fn handle(&self, event: &TaskCreated, _: &Context) -> HandlerResult {
//!         self.0.lock().expect("not poisoned").push(event.task_id);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a function annotated with `#[tokio::test(start_paused = true)]`, back-off takes no time.
//! let reminders: Arc<std::sync::Mutex<Vec<u64>>> = Arc::default();
//! let app = TestApp::builder().provide(Arc::clone(&reminders)).shuffle(None).deliver_twice().build()?;
//! app.publish(&Context::for_tenant("acme")?, TaskCreated { task_id: 7 }).await?;
//! app.settled().await;
//!
//! assert!(app.deliveries_to::<RemindManager>().iter().all(|delivery| delivery.is_handled()));
//! // Not idempotent: delivered twice, it reminds twice.
//! assert_eq!(*reminders.lock().expect("not poisoned"), [7, 7]);
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
