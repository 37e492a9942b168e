use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated;

#[derive(Command)]
struct CreateEmployee;

#[derive(Query)]
#[query(output = u64)]
struct CountEmployees;

async fn publish(events: &EventBus, ctx: &Context, event: EmployeeCreated) -> HandlerResult {
    events.publish(ctx, &event).await?;
    events.publish(ctx, String::from("employee.created")).await?;
    Ok(())
}

async fn execute(app: &App, ctx: &Context) -> Result<u64, HandlerError> {
    let employees = app.commands().execute(ctx, CountEmployees).await?;
    app.query(ctx, CreateEmployee).await?;
    Ok(employees)
}

async fn in_a_test(app: &TestApp, ctx: &Context) {
    app.execute(ctx, EmployeeCreated).await.unwrap();
}

fn main() {}
