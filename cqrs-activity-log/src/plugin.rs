//! Adding the log to an application.

use cqrs_core::{App, AppBuilder, BoxError, Handler, Plugin};

use crate::log::ActivityLog;
use crate::recorder::{Recorder, options};

impl Plugin for ActivityLog {
    fn name(&self) -> &str {
        "activity-log"
    }

    fn configure(&self, app: AppBuilder) -> AppBuilder {
        let recorder = Recorder::new(self.clone());
        app.provide(self.clone())
            .register(Handler::events("activity-log", recorder).on_any().options(options()))
    }

    /// With a retention, since nothing would apply it in an application that is never started.
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
            // An error says that it was aborted.
            let _ = retaining.await;
        }
        Ok(())
    }
}
