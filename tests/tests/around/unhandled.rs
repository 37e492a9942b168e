//! An event that no handler wants is a warning, once for each type.

use std::io::Write;
use std::sync::Mutex;

use cqrs_core::prelude::*;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Serialize, Deserialize, Event)]
struct TreeFell {
    n: u32,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_event_without_a_handler_is_named_once_with_what_to_do() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_writer(lines.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);
    let app = App::builder().bare().build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    for n in 0..3 {
        app.events().publish(&ctx, TreeFell { n }).await.expect("accepted all the same");
    }
    let log = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("no handler wants")).collect();
    let [warning] = &warnings[..] else { panic!("{log}") };
    assert!(warning.contains("WARN") && warning.contains("tree.fell"), "{warning}");
    assert!(warning.contains("modules!["), "it says what to do: {warning}");
}
