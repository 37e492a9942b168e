//! One context for each request: `cargo run -p http-example`, and then
//! `curl -i -H 'x-tenant-id: acme' -d 'Write docs' http://127.0.0.1:3000/tasks`.

use axum::{Extension, Router, extract::State, http::StatusCode, routing::post};
use cqrs_core::prelude::*;
use cqrs_http::{ContextLayer, Problem, header};

#[derive(Serialize, Deserialize, Event)]
struct TaskCreated {
    #[event(entity_id)]
    task_id: Uuid,
    title: String,
}

#[events_handler(TaskCreated)]
struct Announce;

impl EventHandler<TaskCreated> for Announce {
    async fn handle(&self, event: &TaskCreated, ctx: &Context) -> HandlerResult {
        let request = ctx.attribute("request_id");
        tracing::info!(tenant = %ctx.tenant(), request, title = event.title, "a new task");
        Ok(())
    }
}

async fn create_task(
    State(events): State<EventBus>,
    Extension(ctx): Extension<Context>,
    title: String,
) -> Result<(StatusCode, String), Problem> {
    let task_id = Uuid::now_v7();
    events.publish(&ctx, TaskCreated { task_id, title }).await?;
    Ok((StatusCode::CREATED, task_id.to_string()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let app = App::builder().build()?;

    // Finds out whose request it is. A product reads a session or a signed token, not a bare header.
    let contexts = ContextLayer::new(|request| {
        let ctx = Context::for_tenant(header(request, "x-tenant-id")?)?;
        Ok(ctx.with_actor(Actor::user(header(request, "x-user-id").unwrap_or("anonymous"))))
    });
    let router = Router::new().route("/tasks", post(create_task));
    let router = router.layer(contexts).with_state(app.events().clone());

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    // Until ctrl-c or SIGTERM; then it answers the last requests, and the application finishes its work.
    let report = cqrs_http::serve(&app, router, listener).await?;
    tracing::info!("{report}");
    Ok(())
}
