//! The log must be added as a plugin; otherwise the wiring report says so.

use cqrs_activity_log::ActivityLog;
use cqrs_core::modules;
use cqrs_core::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct DoorOpened {
    #[event(entity_id)]
    door: u32,
}

#[events_handler(DoorOpened)]
struct RingBell {
    log: ActivityLog,
}

impl EventHandler<DoorOpened> for RingBell {
    async fn handle(&self, event: &DoorOpened, ctx: &Context) -> HandlerResult {
        let rung = cqrs_activity_log::Activity::new("rung", "Bell").id(event.door);
        self.log.record(ctx, rung).await?;
        Ok(())
    }
}

fn builder() -> cqrs_core::AppBuilder {
    App::builder().only(modules![self])
}

async fn log(folder: &tempfile::TempDir) -> ActivityLog {
    ActivityLog::sqlite(folder.path().join("activity.db")).await.unwrap()
}

#[test]
fn a_missing_log_is_reported_with_its_plugin() {
    let error = builder().build().unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert!(error.to_string().contains("fix: `.plugin(..)`: the plugin `activity-log`"), "{error}");
}

#[tokio::test]
async fn a_log_without_its_plugin_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = builder().provide(log(&folder).await).build().unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert!(error.to_string().contains("`.plugin(..)` in place of `.provide(..)`"), "{error}");
}

#[tokio::test]
async fn a_log_that_is_added_twice_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder).await;
    let error = builder().plugin(log.clone()).plugin(log).build().unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert!(error.to_string().contains("plugin `activity-log` is added more than once"), "{error}");
}
