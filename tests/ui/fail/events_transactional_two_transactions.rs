use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeLeft;

struct SqliteTransaction;
struct PostgresTransaction;

#[events_handler(EmployeeCreated, EmployeeLeft, transactional)]
struct CountHeads;

impl TransactionalEventHandler<EmployeeCreated> for CountHeads {
    type Transaction = SqliteTransaction;

    async fn handle(
        &self,
        _: &EmployeeCreated,
        _: &mut SqliteTransaction,
        _: &Context,
    ) -> HandlerResult {
        Ok(())
    }
}

impl TransactionalEventHandler<EmployeeLeft> for CountHeads {
    type Transaction = PostgresTransaction;

    async fn handle(
        &self,
        _: &EmployeeLeft,
        _: &mut PostgresTransaction,
        _: &Context,
    ) -> HandlerResult {
        Ok(())
    }
}

fn main() {}
