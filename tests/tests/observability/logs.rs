//! What the log says of a failure, without the redacted values that its error quotes.

use std::io;
use std::sync::Mutex;

use cqrs_core::modules;
use cqrs_core::prelude::*;
use tracing_subscriber::fmt::MakeWriter;

use crate::alone;
use crate::shop::{EMAIL, PlaceOrder, acme, shop};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_without_the_redacted_values_that_it_quotes() {
    let _alone = alone();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let app = shop().build().expect("wired");
    app.execute(&acme(), PlaceOrder).await.expect("placed");
    app.settled().await;

    let lines = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    assert!(lines.contains("no mailbox [redacted]"), "{lines}");
    assert!(!lines.contains(EMAIL), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_for_a_start_that_is_still_to_come_say_so_once() {
    let _alone = alone();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let app = App::builder().only(modules![self]).start_manually().build().expect("wired");
    for _ in 0..3 {
        app.events().publish(&acme(), Waiting).await.expect("kept");
    }
    let said = || String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    assert_eq!(said().matches("their handlers run after `App::start`").count(), 1, "{}", said());
    app.start().await.expect("no plugin");
    app.idle().await;
}

#[derive(Serialize, Deserialize, Event)]
struct Waiting;
