//! What is nearly provided.

use cqrs_core::modules;
use cqrs_core::prelude::*;

use super::assert_says;

struct Directory;

#[derive(Serialize, Deserialize, Event)]
struct NearMiss;

#[events_handler(NearMiss)]
struct Lookup {
    _directory: Arc<Directory>,
}

impl EventHandler<NearMiss> for Lookup {
    async fn handle(&self, _: &NearMiss, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[test]
fn a_value_without_its_arc_is_recognised() {
    #[derive(Clone)]
    struct Directory;
    let error = App::builder()
        .only(modules![self])
        .provide(Directory)
        .build()
        .expect_err("a value is no Arc");
    assert_says(&error, &["`Directory` is provided: provide it as `Arc<Directory>` instead"]);
}

#[test]
fn a_named_service_is_pointed_out() {
    let error = App::builder()
        .only(modules![self])
        .provide_named("main", Arc::new(self::Directory))
        .build()
        .expect_err("it has a name");
    assert_says(&error, &["there is one named \"main\": `#[inject(name = \"main\")]`"]);
}

#[test]
fn what_is_provided_is_injected() {
    let app = App::builder().only(modules![self]).provide(Arc::new(self::Directory)).build();
    app.expect("complete");
}
