//! Publishing an event by its name, from JSON.

use std::sync::Arc;

use uuid::Uuid;

use super::event_hub::{EventHub, refused};
use super::similar::similar;
use super::{EventBus, PublishError};
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::message::{AnyEvent, Decoder};

/// The names of the framework's own events begin with this. They say what the framework has done, so nothing else
/// publishes them.
const OWN: &str = "cqrs.";

impl EventBus {
    /// Publishes the event that has this name, from its payload as JSON. It is for command lines, schedulers and transports,
    /// which do not know the event's type; otherwise it is as [`publish`](Self::publish).
    ///
    /// `version` is the version of the payload. The event's `upcast` functions turn an older payload into the current form,
    /// as for an event from a store.
    ///
    /// ```no_run
    /// use cqrs_core::prelude::*;
    ///
    /// #[derive(Serialize, Deserialize, Event)]
    /// struct TaskCreated { task_id: u64 }
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let app = App::builder().build()?;
    ///     let ctx = Context::for_tenant("acme")?;
    ///     app.events().publish_json(&ctx, "task.created", 1, r#"{ "task_id": 7 }"#).await?;
    ///
    ///     let error = app.events().publish_json(&ctx, "task.create", 1, "{}").await;
    ///     let error = error.expect_err("no event has this name");
    ///     let expected = "no event is named `task.create`; the most similar name is `task.created`";
    ///     assert_eq!(error.to_string(), expected);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishJsonError`]; no handler gets the event then.
    pub async fn publish_json(
        &self,
        ctx: &Context,
        name: &str,
        version: u32,
        json: &str,
    ) -> Result<Uuid, PublishJsonError> {
        let Some(hub) = self.0.upgrade() else {
            let (name, _) = similar(name, std::iter::empty());
            return Err(PublishJsonError::ShutDown { name });
        };
        let decoder = hub.codec.decoder(name).filter(|it| !it.name.starts_with(OWN));
        let Some(decoder) = decoder else {
            let known = hub.codec.names().filter(|name| !name.starts_with(OWN));
            let (name, near) = similar(name, known);
            return Err(PublishJsonError::Unknown { name, near });
        };
        let (event, newest) = (decoder.name, decoder.version);
        if version == 0 || version > newest {
            return Err(PublishJsonError::Version { event, version, newest });
        }
        let (hub, _in_flight) = self.enter(ctx, event)?;
        // Checked before the text is read, so that a large one costs nothing.
        hub.check_size(event, Ok(json.len())).map_err(|error| refused(ctx, error))?;
        if hub.has_no_middleware() {
            return hub.publish_text(ctx, decoder, version, json).await;
        }
        let unreadable = |error| PublishJsonError::Unreadable { event, error };
        let seen = (decoder.decode)(ctx.clone(), version, json).map_err(unreadable)?;
        let (inner, json) = (Arc::clone(&hub), json.to_owned());
        // Read again, with the context as the middleware has set it.
        let publish = move |ctx: Context, _: AnyEvent| -> BoxFuture<'static, _> {
            Box::pin(async move {
                let published = inner.publish_text(&ctx, decoder, version, &json).await;
                published.map_err(|error| match error {
                    PublishJsonError::Refused(error) => error,
                    PublishJsonError::Unreadable { event, error } => {
                        PublishError::Unserializable { event, error }
                    }
                    _ => PublishError::ShutDown { event },
                })
            })
        };
        Ok(hub.inside_middleware(event, ctx, seen, publish).await?)
    }
}

impl EventHub {
    /// Publishes the event with this text as its payload.
    async fn publish_text(
        self: &Arc<Self>,
        ctx: &Context,
        decoder: Decoder,
        version: u32,
        json: &str,
    ) -> Result<Uuid, PublishJsonError> {
        let event = decoder.name;
        let (context, observed) = self.context_of(ctx, event, None)?;
        let read = match (decoder.decode)(context, version, json) {
            Ok(read) => read,
            Err(error) => {
                observed.end(Some("unreadable"));
                return Err(PublishJsonError::Unreadable { event, error });
            }
        };
        if let Err(error) = self.check_size(event, read.json_size()) {
            observed.end(Some(error.error_type()));
            return Err(error.into());
        }
        Ok(self.publish_begun(ctx, read, observed).await?)
    }
}

/// Why an event was not published from JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishJsonError {
    /// No event of the linked crates has this name.
    #[error("no event is named `{}`{near}", name.escape_debug())]
    Unknown {
        /// The first 128 characters of the name.
        name: String,
        /// The most similar name, as the end of the error's text.
        near: String,
    },
    /// This build does not know this version of the event.
    #[error(
        "event `{event}` was not published: version {version} is not known, only 1 to {newest}"
    )]
    Version {
        /// The event's name.
        event: &'static str,
        /// The version of the payload.
        version: u32,
        /// The newest version that this build knows.
        newest: u32,
    },
    /// The text is not JSON, or does not have the form of the event in this version.
    #[error("event `{event}` was not published: {error}")]
    Unreadable {
        /// The event's name.
        event: &'static str,
        /// What is wrong, and where in the text.
        #[source]
        error: serde_json::Error,
    },
    /// The application is shut down, or its last `App` was dropped.
    #[error(
        "event `{}` was not published: the application is shut down, or its `App` was dropped (keep it as long as \
         its buses are used)",
        name.escape_debug()
    )]
    ShutDown {
        /// The event's name.
        name: String,
    },
    /// The event was read, and [`publish`](EventBus::publish) failed.
    #[error(transparent)]
    Refused(#[from] PublishError),
}
