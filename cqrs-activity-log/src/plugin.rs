//! Adding the log to an application.

use cqrs_core::{AppBuilder, Handler, Plugin};

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
}
