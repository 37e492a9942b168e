//! Every form of command and query, and of their handlers.

#![deny(warnings)]

use std::collections::HashMap;
use std::fmt;

use cqrs_core::prelude::*;

#[derive(Command)]
struct Tidy;

#[derive(Command)]
#[command(name = "employee.rename", output = u64)]
enum RenameEmployeeCommand {
    First(String),
    Last { name: String },
}

#[derive(Command)]
#[command(output = Option<HashMap<String, u64>>, error = Refused)]
struct Count(String, u64);

#[derive(Debug)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

#[derive(Query)]
#[query(output = HashMap<u64, Vec<String>>)]
struct FindNamesQuery;

mod directory {
    use cqrs_core::prelude::*;

    #[derive(Query)]
    #[query(name = "directory.size", output = usize, error = super::Refused)]
    pub struct Size {
        pub min: usize,
    }
}

#[command_handler(Tidy)]
struct TidyHandler;

impl CommandHandler<Tidy> for TidyHandler {
    async fn execute(&self, _: Tidy, _: &Context) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[command_handler(RenameEmployeeCommand, timeout = none, name = "rename")]
struct Rename {
    events: EventBus,
}

impl CommandHandler<RenameEmployeeCommand> for Rename {
    async fn execute(
        &self,
        command: RenameEmployeeCommand,
        _: &Context,
    ) -> Result<u64, HandlerError> {
        let _ = &self.events;
        match command {
            RenameEmployeeCommand::First(name) | RenameEmployeeCommand::Last { name } => {
                Ok(name.len() as u64)
            }
        }
    }
}

#[command_handler(Count, timeout = "24h")]
struct CountHandler(#[inject(default)] u64, QueryBus);

impl CommandHandler<Count> for CountHandler {
    async fn execute(
        &self,
        command: Count,
        _: &Context,
    ) -> Result<Option<HashMap<String, u64>>, Refused> {
        let _ = &self.1;
        Ok(Some(HashMap::from([(command.0, command.1 + self.0)])))
    }
}

#[query_handler(FindNamesQuery)]
struct FindNames;

impl QueryHandler<FindNamesQuery> for FindNames {
    async fn execute(
        &self,
        _: FindNamesQuery,
        _: &Context,
    ) -> Result<HashMap<u64, Vec<String>>, HandlerError> {
        Ok(HashMap::new())
    }
}

#[query_handler(directory::Size, timeout = "1ms", name = "2-size")]
struct SizeHandler;

impl QueryHandler<directory::Size> for SizeHandler {
    async fn execute(&self, query: directory::Size, _: &Context) -> Result<usize, Refused> {
        Ok(query.min)
    }
}

#[test]
fn their_names_and_their_wiring() {
    assert_eq!(Tidy::NAME, "tidy");
    assert_eq!(RenameEmployeeCommand::NAME, "employee.rename");
    assert_eq!(Count::NAME, "count");
    assert_eq!(FindNamesQuery::NAME, "find.names");
    assert_eq!(directory::Size::NAME, "directory.size");
    App::builder().only(cqrs_core::modules![self]).build().expect("everything is wired");
}
