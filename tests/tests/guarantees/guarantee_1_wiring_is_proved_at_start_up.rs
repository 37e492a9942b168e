//! `build()` reports everything that is wired wrongly, in one error.

use cqrs_core::app::{Problem, ProblemKind};
use cqrs_core::prelude::*;
use cqrs_core::{BuildError, Handler, modules};

fn problems_of(modules: cqrs_core::app::Modules) -> BuildError {
    App::builder().only(modules).build().expect_err("this module is wired wrongly")
}

#[track_caller]
fn assert_only(error: &BuildError, kind: ProblemKind) {
    assert!(matches!(error.problems(), [problem] if problem.kind() == kind), "{error}");
}

/// Asserts that the report's text has all of `parts`, since a person must be able to act on it.
#[track_caller]
fn assert_says(error: &BuildError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "missing {part:?} in:\n{text}");
    }
}

mod everything_at_once {
    use super::*;

    pub(super) trait Mailer: Send + Sync {}

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "wiring.happened")]
    struct Happened;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "wiring.happened")]
    struct HappenedToo;

    #[events_handler(Happened)]
    pub(super) struct SendMail {
        _mailer: Arc<dyn Mailer>,
        #[inject(name = "replica")]
        _limit: u32,
    }

    impl EventHandler<Happened> for SendMail {
        async fn handle(&self, _: &Happened, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    #[derive(Injectable)]
    struct Hen {
        _egg: Arc<Egg>,
    }

    #[derive(Injectable)]
    struct Egg {
        _hen: Arc<Hen>,
    }

    #[derive(Command)]
    pub(super) struct Orphaned;

    #[derive(Command)]
    pub(super) struct Contested;

    #[command_handler(Contested)]
    struct First;

    impl CommandHandler<Contested> for First {
        async fn execute(&self, _: Contested, _: &Context) -> Result<(), HandlerError> {
            Ok(())
        }
    }

    #[command_handler(Contested)]
    struct Second;

    impl CommandHandler<Contested> for Second {
        async fn execute(&self, _: Contested, _: &Context) -> Result<(), HandlerError> {
            Ok(())
        }
    }

    #[derive(Query)]
    #[query(output = u32)]
    struct CountThings;

    #[query_handler(CountThings)]
    struct CountThingsHandler {
        _events: EventBus,
    }

    impl QueryHandler<CountThings> for CountThingsHandler {
        async fn execute(&self, _: CountThings, _: &Context) -> Result<u32, HandlerError> {
            Ok(0)
        }
    }

    mod empty {}

    #[test]
    fn one_report_lists_everything_with_what_where_and_what_to_do() {
        let error = App::builder()
            .only(modules![self])
            .modules(modules![empty])
            .build()
            .expect_err("nearly everything here is wrong");

        let kinds: Vec<_> = error.problems().iter().map(Problem::kind).collect();
        let count = |kind| kinds.iter().filter(|it| **it == kind).count();
        assert_eq!(count(ProblemKind::SharedMessageName), 1);
        assert_eq!(count(ProblemKind::Cycle), 1);
        assert_eq!(count(ProblemKind::NoHandler), 1);
        assert_eq!(count(ProblemKind::ManyHandlers), 1);
        assert_eq!(count(ProblemKind::QueryReachesBus), 1);
        assert_eq!(count(ProblemKind::EmptyModule), 1);
        assert_eq!(count(ProblemKind::MissingService), 2);
        assert_eq!(kinds.len(), 8, "nothing is reported twice:\n{error}");

        let file = file!();
        assert_says(
            &error,
            &[
                "wired wrongly in 8 places",
                "nothing offers `Arc<dyn Mailer>`, which field `_mailer` of handler `SendMail`",
                ".provide::<Arc<dyn Mailer>>(..)",
                "nothing offers `u32` named \"replica\"",
                &format!("{file}:"),
                "command `Orphaned`",
                "#[command_handler(Orphaned)]",
                "command `Contested` has more than one handler",
                "handler `CountThingsHandler`",
                "reaches a bus, but a query changes nothing: field `_events: EventBus`",
                "several messages are named \"wiring.happened\"",
                "service `Egg`",
                "the module `empty`",
            ],
        );
    }

    #[test]
    fn the_report_is_the_same_in_whatever_order_the_linker_found_things() {
        let report = || App::builder().only(modules![self]).build().expect_err("wrong").to_string();
        assert_eq!(report(), report());
        let text = report();
        let first = text.find("`First`").expect("both handlers are listed");
        let second = text.find("`Second`").expect("both handlers are listed");
        assert!(first < second, "sorted by name:\n{text}");
    }

    #[test]
    fn what_a_person_sees_who_unwraps_is_the_report() {
        let error = problems_of(modules![self]);
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

mod near_misses {
    use super::*;

    pub(super) struct Directory;

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
            .provide_named("main", Arc::new(super::near_misses::Directory))
            .build()
            .expect_err("it has a name");
        assert_says(&error, &["there is one named \"main\": `#[inject(name = \"main\")]`"]);
    }

    #[test]
    fn what_is_provided_is_injected() {
        let app = App::builder()
            .only(modules![self])
            .provide(Arc::new(super::near_misses::Directory))
            .build();
        app.expect("complete");
    }
}

mod services {
    use super::*;

    pub(super) trait Clock: Send + Sync {
        fn now(&self) -> u32;
    }

    #[derive(Injectable)]
    #[injectable(as = dyn Clock)]
    struct SystemClock;

    impl Clock for SystemClock {
        fn now(&self) -> u32 {
            1
        }
    }

    #[derive(Injectable)]
    struct Calendar {
        clock: Arc<dyn Clock>,
        #[inject(name = "offset")]
        offset: u32,
        #[inject(default)]
        extra: u32,
    }

    #[derive(Query)]
    #[query(output = u32)]
    struct Today;

    #[query_handler(Today)]
    struct TodayHandler(Arc<Calendar>);

    impl QueryHandler<Today> for TodayHandler {
        async fn execute(&self, _: Today, _: &Context) -> Result<u32, HandlerError> {
            Ok(self.0.clock.now() + self.0.offset + self.0.extra)
        }
    }

    struct Fake;

    impl Clock for Fake {
        fn now(&self) -> u32 {
            100
        }
    }

    async fn today(app: &App) -> u32 {
        let ctx = crate::support::acme();
        app.queries().execute(&ctx, Today).await.expect("it cannot fail")
    }

    #[tokio::test]
    async fn services_are_built_once_in_the_order_in_which_they_need_each_other() {
        let app = App::builder().only(modules![self]).provide_named("offset", 20_u32);
        let app = app.build().expect("complete");
        assert_eq!(today(&app).await, 21);
        let one = app.service::<Arc<Calendar>>().expect("a service");
        let two = app.service::<Arc<Calendar>>().expect("a service");
        assert!(Arc::ptr_eq(&one, &two));
        assert!(app.service::<Arc<dyn Clock>>().is_ok());
    }

    #[tokio::test]
    async fn the_last_provided_value_wins_also_over_a_derived_service() {
        let app = App::builder()
            .only(modules![self])
            .provide_named("offset", 20_u32)
            .provide_named("offset", 30_u32)
            .provide::<Arc<dyn Clock>>(Arc::new(Fake))
            .build()
            .expect("complete");
        assert_eq!(today(&app).await, 130);
    }
}

mod two_of_one {
    use super::*;

    trait Port: Send + Sync {}

    #[derive(Injectable)]
    #[injectable(as = dyn Port)]
    struct One;
    impl Port for One {}

    #[derive(Injectable)]
    #[injectable(as = dyn Port)]
    struct Two;
    impl Port for Two {}

    #[derive(Injectable)]
    struct User {
        _port: Arc<dyn Port>,
    }

    #[test]
    fn a_type_that_two_services_offer_is_ambiguous_until_one_is_provided() {
        let error = problems_of(modules![self]);
        assert_only(&error, ProblemKind::AmbiguousService);
        assert_says(
            &error,
            &["`Arc<dyn Port>` is offered more than once", "service `One`", "service `Two`"],
        );

        let chosen = App::builder().only(modules![self]).provide::<Arc<dyn Port>>(Arc::new(One));
        chosen.build().expect("one is chosen");
    }
}

mod names {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    struct NameGiven;

    #[events_handler(NameGiven, name = "twin")]
    struct Castor;

    impl EventHandler<NameGiven> for Castor {
        async fn handle(&self, _: &NameGiven, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    #[events_handler(NameGiven, name = "twin")]
    struct Pollux;

    impl EventHandler<NameGiven> for Pollux {
        async fn handle(&self, _: &NameGiven, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    #[test]
    fn handlers_with_one_name_are_reported() {
        let error = problems_of(modules![self]);
        assert_only(&error, ProblemKind::SharedHandlerName);
        assert_says(&error, &["named \"twin\"", "`Castor`", "`Pollux`", "name = \"..\""]);
    }
}

mod implemented_by_hand {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "by-hand.happened")]
    struct Derived;

    macro_rules! by_hand {
        ($($event:ident)*) => {$(
            #[derive(Serialize, Deserialize)]
            struct $event;

            impl Event for $event {
                const NAME: &'static str = "by-hand.happened";
            }
        )*};
    }
    by_hand!(ByHand AlsoByHand);

    fn bare() -> cqrs_core::AppBuilder {
        App::builder().only(modules![super::services]).without(modules![super::services])
    }

    fn handler<E: Event>(name: &'static str) -> cqrs_core::registry::HandlerRegistration {
        Handler::event_fn(name, |_: Published<E>, _| async { Ok(()) })
    }

    #[test]
    fn a_name_that_a_derived_event_has_as_well_is_reported() {
        let app = App::builder().only(modules![self]).register(handler::<ByHand>("by-hand"));
        let error = app.build().expect_err("the name is taken");
        assert_only(&error, ProblemKind::SharedMessageName);
        assert_says(
            &error,
            &[
                "event `Derived` (",
                "::implemented_by_hand::ByHand` (implemented by hand)",
                "fix: name them apart: another `NAME` in `impl Event for ByHand`, or \
                 `#[event(name = \"..\")]` on `Derived`",
            ],
        );
    }

    #[test]
    fn a_name_that_two_events_have_by_hand_is_reported() {
        let error = bare()
            .register(handler::<ByHand>("one"))
            .register(handler::<AlsoByHand>("two"))
            .build()
            .expect_err("one name for two");
        assert_only(&error, ProblemKind::SharedMessageName);
        assert_says(
            &error,
            &[
                "`NAME` in `impl Event for AlsoByHand`, or another `NAME` in `impl Event for ByHand`",
            ],
        );
    }

    #[test]
    fn one_event_by_hand_with_two_handlers_is_well() {
        let app = bare();
        let app = app.register(handler::<ByHand>("one")).register(handler::<ByHand>("two"));
        app.build().expect("wired");
    }

    #[test]
    fn a_closure_is_called_by_its_handlers_name() {
        let app = bare();
        let twice = app.register(handler::<ByHand>("one")).register(handler::<ByHand>("one"));
        assert_says(&twice.build().expect_err("one name for two"), &["- handler `one` ("]);
    }
}

mod queries_that_reach_a_bus {
    use super::*;

    trait Shelves: Send + Sync {}

    #[derive(Injectable)]
    #[injectable(as = dyn Shelves)]
    struct ShelvesInMemory {
        _journal: Arc<Journal>,
    }

    impl Shelves for ShelvesInMemory {}

    #[derive(Injectable)]
    struct Journal {
        _queries: QueryBus,
        _events: EventBus,
    }

    #[derive(Query)]
    #[query(output = usize)]
    struct CountShelves;

    #[query_handler(CountShelves)]
    struct CountShelvesHandler {
        _shelves: Arc<dyn Shelves>,
    }

    impl QueryHandler<CountShelves> for CountShelvesHandler {
        async fn execute(&self, _: CountShelves, _: &Context) -> Result<usize, HandlerError> {
            Ok(0)
        }
    }

    #[test]
    fn a_bus_behind_services_is_found_and_the_way_to_it_is_named() {
        let error = problems_of(modules![self]);
        assert_only(&error, ProblemKind::QueryReachesBus);
        assert_says(
            &error,
            &[
                "the query handler `CountShelvesHandler` (",
                "field `_shelves: Arc<dyn Shelves>` -> service `ShelvesInMemory` (",
                ") -> field `_journal: Arc<Journal>` -> service `Journal` (",
                ") -> field `_events: EventBus`",
                "fix: make it a command",
            ],
        );
    }

    #[test]
    fn what_is_in_a_provided_value_is_its_own_affair() {
        struct Fake;
        impl Shelves for Fake {}
        let app = App::builder().only(modules![self]).provide::<Arc<dyn Shelves>>(Arc::new(Fake));
        app.build().expect("the types show no bus");
    }
}

mod transactions {
    use cqrs_core::log::MemoryStore;
    use cqrs_tests::ledger::{Ledger, LedgerTransaction};

    use super::*;

    struct OtherTransaction;

    #[derive(Serialize, Deserialize, Event)]
    struct Booked;

    #[events_handler(Booked, transactional)]
    struct Count;

    impl TransactionalEventHandler<Booked> for Count {
        type Transaction = LedgerTransaction;

        async fn handle(
            &self,
            _: &Booked,
            _: &mut LedgerTransaction,
            _: &Context,
        ) -> HandlerResult {
            Ok(())
        }
    }

    #[derive(Command)]
    struct Book;

    #[command_handler(Book, transactional)]
    struct BookHandler;

    impl TransactionalCommandHandler<Book> for BookHandler {
        type Transaction = LedgerTransaction;

        async fn execute(
            &self,
            _: Book,
            _: &mut LedgerTransaction,
            _: &Context,
        ) -> Result<(), HandlerError> {
            Ok(())
        }
    }

    struct Elsewhere;

    impl TransactionalEventHandler<Booked> for Elsewhere {
        type Transaction = OtherTransaction;

        async fn handle(&self, _: &Booked, _: &mut OtherTransaction, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    #[track_caller]
    fn assert_both_refused(error: &BuildError, but: &str) {
        let kinds: Vec<_> = error.problems().iter().map(Problem::kind).collect();
        assert_eq!(kinds, [ProblemKind::WrongTransaction; 2], "{error}");
        let file = file!();
        assert_says(
            error,
            &[
                &format!("handler `Count` ({file}:"),
                &format!("handler `BookHandler` ({file}:"),
                &format!(") writes in transactions of type `LedgerTransaction`, but {but}\n"),
                "fix: give the application a store that has them with `.store(..)`, or write a \
                 handler without `transactional`",
            ],
        );
    }

    #[test]
    fn a_handler_in_transactions_needs_a_store() {
        assert_both_refused(&problems_of(modules![self]), "the application has no store");
    }

    #[test]
    fn a_handler_in_transactions_needs_a_store_with_transactions() {
        let app = App::builder().only(modules![self]).store(MemoryStore::new());
        let error = app.build().expect_err("users cannot write in memory");
        assert_both_refused(&error, "the store (memory) has no transactions");
    }

    #[test]
    fn a_handler_in_transactions_needs_a_store_with_those() {
        let app = App::builder().bare().store(Ledger::default());
        let elsewhere = Handler::transactional_events("elsewhere", Elsewhere).on::<Booked>();
        let error = app.register(elsewhere).build().expect_err("the store has others");
        assert_only(&error, ProblemKind::WrongTransaction);
        assert_says(
            &error,
            &["`OtherTransaction`, but the transactions of the store (ledger) are of type \
               `LedgerTransaction`"],
        );
    }

    #[test]
    fn with_the_store_that_they_are_for_they_are_wired() {
        App::builder().only(modules![self]).store(Ledger::default()).build().expect("wired");
    }
}

mod module_selection {
    use super::*;

    pub(super) mod wanted {
        use super::*;

        #[derive(Command)]
        #[command(output = &'static str)]
        pub(in super::super) struct Wanted;

        #[command_handler(Wanted)]
        struct WantedHandler;

        impl CommandHandler<Wanted> for WantedHandler {
            async fn execute(&self, _: Wanted, _: &Context) -> Result<&'static str, HandlerError> {
                Ok("here")
            }
        }
    }

    pub(super) mod unwanted {
        use super::*;

        #[derive(Command)]
        pub(in super::super) struct Unwanted;

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
}

#[test]
fn a_handler_registered_for_no_event_is_reported() {
    struct Idle;
    let error = App::builder()
        .bare()
        .register(Handler::events("idle", Idle))
        .build()
        .expect_err("it handles nothing");
    assert_only(&error, ProblemKind::HandlesNothing);
    assert_says(&error, &["handler `Idle`", file!(), "`.on::<SomeEvent>()`"]);
}
