use cqrs_core::handler::Rows;
use cqrs_core::prelude::*;

#[derive(Query)]
#[query(stream = String)]
struct ExportNames;

#[query_handler]
async fn export_names(_: ExportNames) -> Result<Vec<String>, HandlerError> {
    Ok(Vec::new())
}

#[derive(Query)]
#[query(output = u64)]
struct CountNames;

#[query_handler]
async fn count_names(_: CountNames, rows: &mut Rows<u64>) -> Result<(), HandlerError> {
    rows.send(1).await;
    Ok(())
}

async fn ask(app: &App, ctx: &Context) {
    let _ = app.query(ctx, ExportNames).await;
}

fn main() {}
