//! An event that no handler wants is a warning, once for each type.

use cqrs_core::prelude::*;

use crate::lines::Lines;

#[derive(Serialize, Deserialize, Event)]
struct TreeFell {
    n: u32,
}

#[tokio::test]
async fn an_event_without_a_handler_is_named_once_with_what_to_do() {
    let (lines, _guard) = Lines::collect();
    let app = App::builder().bare().build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    for n in 0..3 {
        app.events().publish(&ctx, TreeFell { n }).await.expect("accepted all the same");
    }
    let log = lines.text();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("no handler wants")).collect();
    let [warning] = &warnings[..] else { panic!("{log}") };
    assert!(warning.contains("WARN") && warning.contains("tree.fell"), "{warning}");
    assert!(warning.contains("modules!["), "it says what to do: {warning}");
}
