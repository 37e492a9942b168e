//! From a published event to its entry.

use std::time::{Duration, Instant};

use cqrs_activity_log::ActivityLog;
use cqrs_core::prelude::*;

use crate::{Result, sample};

const EVENTS: u32 = 100_000;

#[derive(Serialize, Deserialize, Event)]
#[event(describe = "logged {minutes} minutes")]
struct TimeLogCreated {
    #[event(entity_id)]
    time_log_id: u32,
    minutes: u32,
    #[event(redact)]
    note: String,
}

/// The time to publish, and until everything is recorded.
pub(crate) async fn measure(log: &ActivityLog) -> Result {
    let app = App::builder().plugin(log.clone()).build()?;
    app.start().await?;
    let contexts =
        (0..sample::TENANTS).map(sample::context).collect::<std::result::Result<Vec<_>, _>>()?;
    let began = Instant::now();
    for time_log_id in 0..EVENTS {
        let event = TimeLogCreated { time_log_id, minutes: 15, note: "planning".to_owned() };
        app.events().publish(&contexts[time_log_id as usize % contexts.len()], event).await?;
    }
    let report = app.shutdown(Duration::from_secs(600)).await;
    assert!(report.is_clean(), "{report}");
    let rate = f64::from(EVENTS) / began.elapsed().as_secs_f64();
    println!("  {:<46} {rate:>25.0} events a second", "published and recorded");
    Ok(())
}
