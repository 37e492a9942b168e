use cqrs_core::prelude::*;

#[derive(Query)]
#[query(stream = String)]
struct ExportNames;

#[query_handler]
async fn export_names(_: ExportNames) -> Result<Vec<String>, HandlerError> {
    Ok(Vec::new())
}

async fn ask(app: &App, ctx: &Context) {
    let _ = app.query(ctx, ExportNames).await;
}

fn main() {}
