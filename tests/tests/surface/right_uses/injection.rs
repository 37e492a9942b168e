//! Services that are optional, several services of a type, and services that a function makes.

#![deny(warnings)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cqrs_core::app::ProblemKind;
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{App, AppBuilder};

mod rules {
    use super::*;

    pub(super) trait Rule: Send + Sync {
        fn name(&self) -> &'static str;
    }

    macro_rules! rule {
        ($rule:ident, $name:literal $(, $option:meta)?) => {
            #[derive(Injectable)]
            #[injectable(as = dyn Rule)]
            $(#[$option])?
            struct $rule;

            impl Rule for $rule {
                fn name(&self) -> &'static str {
                    $name
                }
            }
        };
    }

    rule!(Zeal, "zeal");
    rule!(Honesty, "honesty");
    rule!(Late, "late", injectable(name = "b"));
    rule!(Early, "early", injectable(name = "a"));

    pub(super) trait Mailer: Send + Sync {}

    impl Mailer for () {}

    #[derive(Query)]
    #[query(output = Vec<&'static str>)]
    pub(super) struct RuleNames;

    #[query_handler]
    async fn rule_names(
        _: RuleNames,
        rules: Vec<Arc<dyn Rule>>,
        #[inject(name = "a")] early: &dyn Rule,
    ) -> Result<Vec<&'static str>, HandlerError> {
        assert_eq!(early.name(), "early");
        Ok(rules.iter().map(|rule| rule.name()).collect())
    }

    #[derive(Query)]
    #[query(output = bool)]
    pub(super) struct CanSendMail;

    macro_rules! handler {
        ($field:ty) => {
            #[query_handler(CanSendMail)]
            struct CanSendMailHandler {
                mailer: $field,
                #[inject(name = "backup")]
                backup: Option<Arc<dyn Mailer>>,
            }
        };
    }

    handler!(Option<Arc<dyn Mailer>>);

    impl QueryHandler<CanSendMail> for CanSendMailHandler {
        async fn execute(&self, _: CanSendMail, _: &Context) -> Result<bool, HandlerError> {
            Ok(self.mailer.is_some() || self.backup.is_some())
        }
    }
}

mod providers {
    use super::*;

    #[derive(Clone)]
    pub(super) struct Config {
        pub(super) url: &'static str,
        pub(super) connections: Arc<AtomicUsize>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no database at {0}")]
    pub(super) struct NoDatabase(&'static str);

    #[derive(Debug)]
    pub(super) struct Database(&'static str);

    #[provider]
    pub(super) async fn database(config: &Config) -> Result<Arc<Database>, NoDatabase> {
        tokio::task::yield_now().await;
        config.connections.fetch_add(1, SeqCst);
        match config.url {
            "nowhere" => Err(NoDatabase(config.url)),
            url => Ok(Arc::new(Database(url))),
        }
    }

    /// Needs the other provider, and a service that needs it too.
    #[provider(name = "summary")]
    fn summary(database: &Database, repository: &Repository) -> Text {
        Text(format!("{} {}", database.0, repository.database.0))
    }

    #[derive(Clone)]
    struct Text(String);

    #[derive(Injectable)]
    struct Repository {
        database: Arc<Database>,
    }

    #[derive(Query)]
    #[query(output = String)]
    pub(super) struct Summary;

    #[query_handler]
    async fn summarise(
        _: Summary,
        #[inject(name = "summary")] summary: &Text,
    ) -> Result<String, HandlerError> {
        Ok(summary.0.clone())
    }

    pub(super) fn app(url: &'static str) -> (AppBuilder, Arc<AtomicUsize>) {
        let connections = Arc::<AtomicUsize>::default();
        let config = Config { url, connections: Arc::clone(&connections) };
        (App::builder().only(modules![self]).provide(config), connections)
    }

    pub(super) fn replacement() -> Arc<Database> {
        Arc::new(Database("a fake"))
    }
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

#[tokio::test]
async fn a_list_has_those_without_a_name_first_and_then_those_with_one() {
    let rules = || App::builder().only(modules![self::rules]);
    let app = rules().build().expect("wired");
    let names = app.queries().execute(&acme(), rules::RuleNames).await.expect("answered");
    assert_eq!(names, ["honesty", "zeal", "early", "late"]);

    let app = TestApp::from_builder(rules()).provide(Vec::<Arc<dyn rules::Rule>>::new());
    let app = app.build().expect("wired");
    let names = app.query(&acme(), rules::RuleNames).await.expect("answered");
    assert!(names.is_empty(), "a list that is provided replaces the whole list");
}

#[tokio::test]
async fn what_is_optional_is_there_if_it_is_offered() {
    let rules = || App::builder().only(modules![self::rules]);
    let without = rules().build().expect("wired");
    let can = without.queries().execute(&acme(), rules::CanSendMail).await;
    assert!(!can.expect("answered"));

    let mailer: Arc<dyn rules::Mailer> = Arc::new(());
    for app in [rules().provide(mailer.clone()), rules().provide_named("backup", mailer.clone())] {
        let app = app.build().expect("wired");
        let can = app.queries().execute(&acme(), rules::CanSendMail).await;
        assert!(can.expect("answered"));
    }
    // A provided value of the whole type works too.
    let app = rules().provide(Some(mailer)).build().expect("wired");
    assert!(app.queries().execute(&acme(), rules::CanSendMail).await.expect("answered"));
}

#[tokio::test]
async fn providers_run_in_the_order_in_which_they_need_each_other() {
    let (app, connections) = providers::app("somewhere");
    let app = app.build_async().await.expect("wired");
    let summary = app.queries().execute(&acme(), providers::Summary).await.expect("answered");
    assert_eq!(summary, "somewhere somewhere");
    assert_eq!(connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_provider_that_fails_is_in_the_report() {
    let (app, _) = providers::app("nowhere");
    let error = app.build_async().await.expect_err("it fails");
    assert_eq!(error.problems()[0].kind(), ProblemKind::ProviderFailed);
    let report = error.to_string();
    assert!(report.contains("provider `database` (tests/tests/surface"), "{report}");
    assert!(report.contains(" failed: no database at nowhere\n"), "{report}");
}

#[test]
fn build_does_not_wait_for_providers_and_says_so() {
    let (app, connections) = providers::app("somewhere");
    let error = app.build().expect_err("a provider is asynchronous");
    assert_eq!(error.problems()[0].kind(), ProblemKind::AsyncProvider);
    assert!(error.to_string().contains("`.build_async().await`"), "{error}");
    assert_eq!(connections.load(SeqCst), 0);
}

#[tokio::test]
async fn a_value_replaces_its_provider() {
    let (app, connections) = providers::app("nowhere");
    let app = TestApp::from_builder(app).provide(providers::replacement()).build().expect("wired");
    let summary = app.query(&acme(), providers::Summary).await.expect("answered");
    assert_eq!(summary, "a fake a fake");
    assert_eq!(connections.load(SeqCst), 0);
}
