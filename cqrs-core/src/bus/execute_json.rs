//! Executing a command by its name, from JSON: for command lines, schedulers and transports.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::similar::similar;
use super::{CommandBus, ExecuteError};
use crate::context::Context;
use crate::handler::BoxFuture;
use crate::message::Command;

impl CommandBus {
    /// Executes the command that has this name, from its fields as JSON, and returns its output as JSON: for command
    /// lines, schedulers and transports that do not know its type. The command says `#[command(json)]`, and so allows it.
    ///
    /// Middleware, validation and authorization see it as any other command.
    ///
    /// ```no_run
    /// use cqrs_core::prelude::*;
    ///
    /// #[derive(Deserialize, Command)]
    /// #[command(output = String, json)]
    /// struct Greet { name: String }
    ///
    /// #[command_handler]
    /// async fn greet(command: Greet) -> Result<String, HandlerError> {
    ///     Ok(format!("Hello, {}!", command.name))
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let app = App::builder().build()?;
    ///     let ctx = Context::for_tenant("acme")?;
    ///     let output = app.commands().execute_json(&ctx, "greet", r#"{ "name": "Ada" }"#).await?;
    ///     assert_eq!(output, "Hello, Ada!");
    ///
    ///     let error = app.commands().execute_json(&ctx, "greet", "{}").await.expect_err("no name");
    ///     let expected = "command `greet` was not executed: missing field `name` at line 1 column 2";
    ///     assert_eq!(error.to_string(), expected);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExecuteJsonError`].
    pub async fn execute_json(
        &self,
        ctx: &Context,
        name: &str,
        json: &str,
    ) -> Result<Value, ExecuteJsonError> {
        let Some(executors) = self.0.upgrade() else {
            let (name, _) = similar(name, std::iter::empty());
            return Err(ExecuteJsonError::ShutDown { name });
        };
        let Some((message, execute)) = executors.by_name(name) else {
            let (name, near) = similar(name, executors.names());
            return Err(ExecuteJsonError::Unknown { name, near });
        };
        let Some(JsonCommand(execute)) = execute.and_then(|it| it.downcast_ref()) else {
            return Err(ExecuteJsonError::NotAllowed { message });
        };
        execute(self, ctx, json).await
    }
}

type Execute = for<'a> fn(
    &'a CommandBus,
    &'a Context,
    &'a str,
) -> BoxFuture<'a, Result<Value, ExecuteJsonError>>;

/// Executes commands of one type from JSON. `#[command(json)]` submits it.
pub struct JsonCommand(Execute);

impl JsonCommand {
    /// For the command `C`.
    pub const fn of<C>() -> Self
    where
        C: Command + DeserializeOwned,
        C::Output: Serialize,
    {
        Self(|bus, ctx, json| Box::pin(execute::<C>(bus, ctx, json)))
    }
}

async fn execute<C>(bus: &CommandBus, ctx: &Context, json: &str) -> Result<Value, ExecuteJsonError>
where
    C: Command + DeserializeOwned,
    C::Output: Serialize,
{
    let message = C::NAME;
    let unreadable = |error| ExecuteJsonError::Unreadable { message, error };
    let command = serde_json::from_str::<C>(json).map_err(unreadable)?;
    let output = bus.execute(ctx, command).await.map_err(|error| match error {
        ExecuteError::Handler(error) => ExecuteError::Handler(error.to_string()),
        ExecuteError::TimedOut { message, after } => ExecuteError::TimedOut { message, after },
        ExecuteError::Panicked { message, panic } => ExecuteError::Panicked { message, panic },
        ExecuteError::NotBuilt { message } => ExecuteError::NotBuilt { message },
        ExecuteError::ShutDown { message } => ExecuteError::ShutDown { message },
        ExecuteError::Rejected { message, rejection } => {
            ExecuteError::Rejected { message, rejection }
        }
        ExecuteError::NoRuntime { message } => ExecuteError::NoRuntime { message },
        ExecuteError::NoHandler { message } => ExecuteError::NoHandler { message },
    })?;
    serde_json::to_value(output).map_err(|error| ExecuteJsonError::Output { message, error })
}

/// Why a command has no output as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteJsonError {
    /// No command of this application has this name.
    #[error("no command is named `{}`{near}", name.escape_debug())]
    Unknown {
        /// The first 128 characters of the name.
        name: String,
        /// The most similar name, as the end of the text.
        near: String,
    },
    /// The command does not say that it may be executed from JSON.
    #[error("command `{message}` cannot be executed from JSON: add `#[command(json)]` to it")]
    NotAllowed {
        /// The command's name.
        message: &'static str,
    },
    /// The text is no JSON, or does not have the form of the command.
    #[error("command `{message}` was not executed: {error}")]
    Unreadable {
        /// The command's name.
        message: &'static str,
        /// What was wrong, and where.
        #[source]
        error: serde_json::Error,
    },
    /// It was refused, or failed, as any command; with the text of the handler's own error.
    #[error("{0}")]
    Failed(ExecuteError<String>),
    /// It was executed, and its output has no JSON form.
    #[error("command `{message}` was executed, but its output cannot be serialised: {error}")]
    Output {
        /// The command's name.
        message: &'static str,
        /// What serde says.
        #[source]
        error: serde_json::Error,
    },
    /// The application is shut down, or its last `App` was dropped.
    #[error(
        "command `{}` was not executed: the application is shut down, or its `App` was dropped (keep it as long as its \
         buses are used)",
        name.escape_debug()
    )]
    ShutDown {
        /// The command's name.
        name: String,
    },
}

impl From<ExecuteError<String>> for ExecuteJsonError {
    fn from(error: ExecuteError<String>) -> Self {
        Self::Failed(error)
    }
}
