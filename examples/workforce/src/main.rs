//! The workforce example: `cargo run -p workforce`, and then a browser.

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use workforce::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would panic where nobody reads standard error any more.
        .log_internal_errors(false)
        .init();
    cli.run().await
}
