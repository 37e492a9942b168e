//! An application of some modules.

use cqrs_core::modules;
use cqrs_core::prelude::*;

mod wanted {
    use super::*;

    #[derive(Command)]
    #[command(output = &'static str)]
    pub(super) struct Wanted;

    #[command_handler(Wanted)]
    struct WantedHandler;

    impl CommandHandler<Wanted> for WantedHandler {
        async fn execute(&self, _: Wanted, _: &Context) -> Result<&'static str, HandlerError> {
            Ok("here")
        }
    }
}

mod unwanted {
    use super::*;

    #[derive(Command)]
    pub(super) struct Unwanted;

    #[command_handler(Unwanted)]
    struct UnwantedHandler {
        _missing: Arc<std::sync::OnceLock<u8>>,
    }

    // What is left out is not even asked for its services.
    impl CommandHandler<Unwanted> for UnwantedHandler {
        async fn execute(&self, _: Unwanted, _: &Context) -> Result<(), HandlerError> {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_module_that_is_left_out_neither_runs_nor_counts() {
    let ctx = crate::support::acme();
    let builders = [
        App::builder().only(modules![wanted]),
        App::builder().only(modules![self]).without(modules![unwanted]),
    ];
    for builder in builders {
        let app = builder.build().expect("what is missing is missing in the module left out");
        let here = app.commands().execute(&ctx, wanted::Wanted).await;
        assert_eq!(here.expect("handled"), "here");
        let refused = app.commands().execute(&ctx, unwanted::Unwanted).await;
        assert!(matches!(refused, Err(ExecuteError::NoHandler { message: "unwanted" })));
    }
}

#[tokio::test]
async fn a_bare_application_has_only_what_is_registered_by_hand() {
    let app = App::builder().bare().modules(modules![wanted]).build().expect("wired");
    let refused = app.commands().execute(&crate::support::acme(), wanted::Wanted).await;
    assert!(matches!(refused, Err(ExecuteError::NoHandler { message: "wanted" })));
}

#[tokio::test]
async fn naming_a_crate_links_what_is_annotated_in_it() {
    let app = App::builder().only(modules![cqrs_tests]).build().expect("wired");
    let event = cqrs_tests::BadgePrinted { employee_id: 1 };
    let outcomes = app.events().publish_and_wait(&crate::support::acme(), event).await;
    let outcomes = outcomes.expect("accepted");
    assert_eq!(&*outcomes[0].handler, "count-badges-in-another-crate");
}
