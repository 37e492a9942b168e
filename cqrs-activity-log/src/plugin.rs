//! The log as a plugin of an application.

use cqrs_core::app::BoxError;
use cqrs_core::{App, AppBuilder, Plugin};

use crate::log::ActivityLog;
use crate::recorder::Recorder;

// A log that is provided without the plugin would record no events.
cqrs_core::plugin_service!(ActivityLog, "activity-log");

impl Plugin for ActivityLog {
    fn name(&self) -> &'static str {
        "activity-log"
    }

    fn configure(&self, app: AppBuilder) -> AppBuilder {
        app.provide(self.clone()).register(Recorder::registration(self.clone()))
    }

    /// True with a retention: only `start` begins to apply it.
    fn needs_start(&self) -> bool {
        self.retention().is_some()
    }

    async fn start(&self, _app: &App) -> Result<(), BoxError> {
        let mut retaining = self.retaining();
        if retaining.is_none() {
            *retaining = self.retain();
        }
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        let retaining = self.retaining().take();
        if let Some(retaining) = retaining {
            retaining.abort();
            // An error means that it was aborted.
            let _ = retaining.await;
        }
        Ok(())
    }
}
