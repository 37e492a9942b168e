//! Tests of the real application, with fakes for external services.

use std::error::Error;
use std::sync::Mutex;

use cqrs_core::ExecuteError;
use cqrs_core::prelude::*;
use cqrs_core::testing::{DeliveryRecord, TestApp, TestAppBuilder};
use quickstart::analytics::{CountEmployees, Department, Headcount};
use quickstart::employees::{CreateEmployee, CreateEmployeeError, EmployeeCreated, ListEmployees};
use quickstart::notifications::{
    Email, EmailError, EmailService, SendWelcomeEmail, WelcomeEmailSent,
};

type TestResult = Result<(), Box<dyn Error>>;

/// A mail server that fails a given number of times.
#[derive(Default)]
struct FakeMail {
    failures: Mutex<u32>,
    sent: Mutex<Vec<Email>>,
}

impl FakeMail {
    fn failing(times: u32) -> Arc<Self> {
        Arc::new(Self { failures: Mutex::new(times), ..Self::default() })
    }

    fn recipients(&self) -> Vec<String> {
        let sent = self.sent.lock().expect("not poisoned");
        sent.iter().map(|email| email.to.clone()).collect()
    }
}

impl EmailService for FakeMail {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), EmailError>> {
        Box::pin(async move {
            let mut failures = self.failures.lock().expect("not poisoned");
            if *failures > 0 {
                *failures -= 1;
                let domain = "fake.example".to_owned();
                return Err(EmailError::NoAnswer { domain });
            }
            self.sent.lock().expect("not poisoned").push(email);
            Ok(())
        })
    }
}

fn app(mail: &Arc<FakeMail>) -> TestAppBuilder {
    TestApp::builder().provide::<Arc<dyn EmailService>>(mail.clone())
}

fn ada() -> CreateEmployee {
    CreateEmployee {
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@acme.example".to_owned(),
        department: "Engineering".to_owned(),
    }
}

fn engineering(hired: usize, welcomed: usize) -> Department {
    let name = "Engineering".to_owned();
    Department { name, hired, welcomed }
}

#[tokio::test(start_paused = true)]
async fn a_new_employee_is_listed_greeted_and_counted() -> TestResult {
    let mail = FakeMail::failing(0);
    let app = app(&mail).build()?;
    let ctx = Context::for_tenant("acme")?;

    let id = app.execute(&ctx, ada()).await?;
    app.settled().await;

    let employees = app.query(&ctx, ListEmployees).await?;
    assert_eq!(employees.len(), 1);
    assert_eq!(employees[0].id, id);

    let created = app.published::<EmployeeCreated>();
    assert_eq!(created.len(), 1);
    assert_eq!(created[0].employee_id, id);
    assert_eq!(mail.recipients(), ["ada@acme.example"]);

    let welcomed = app.published::<WelcomeEmailSent>();
    assert_eq!(welcomed.len(), 1);
    assert_eq!(welcomed[0].context().causation_id(), Some(created[0].id()));

    let headcount: Arc<Headcount> = app.service().expect("linked");
    assert_eq!(headcount.departments(&ctx), [engineering(1, 1)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_recovers_costs_only_retries() -> TestResult {
    let mail = FakeMail::failing(2);
    let app = app(&mail).only::<SendWelcomeEmail>().build()?;

    let event = EmployeeCreated {
        employee_id: Uuid::now_v7(),
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@acme.example".to_owned(),
        department: "Engineering".to_owned(),
    };
    app.publish(&Context::for_tenant("acme")?, event).await?;
    app.settled().await;

    let deliveries = app.deliveries_to::<SendWelcomeEmail>();
    assert_eq!(deliveries.len(), 1);
    assert!(deliveries[0].is_handled());
    assert_eq!(deliveries[0].attempts.len(), 3);
    assert_eq!(mail.recipients(), ["ada@acme.example"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_stays_away_leaves_a_dead_letter_and_hurts_nobody_else() -> TestResult {
    let app = app(&FakeMail::failing(u32::MAX)).build()?;
    let ctx = Context::for_tenant("acme")?;

    app.execute(&ctx, ada()).await?;
    app.settled().await;

    let emails = app.deliveries_to::<SendWelcomeEmail>();
    assert!(emails[0].is_dead_lettered());
    assert_eq!(emails[0].attempts.len(), 3);
    assert_eq!(app.dead_letters().await.len(), 1);

    let counts = app.deliveries_to::<CountEmployees>();
    assert!(counts.iter().all(DeliveryRecord::is_handled));
    let headcount: Arc<Headcount> = app.service().expect("linked");
    assert_eq!(headcount.departments(&ctx), [engineering(1, 0)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn counts_do_not_depend_on_order_or_on_a_single_delivery() -> TestResult {
    let app = app(&FakeMail::failing(0)).shuffle(None).deliver_twice().build()?;
    let ctx = Context::for_tenant("acme")?;

    for number in 0..10 {
        let email = format!("{number}@acme.example");
        app.execute(&ctx, CreateEmployee { email, ..ada() }).await?;
    }
    app.settled().await;

    let headcount: Arc<Headcount> = app.service().expect("linked");
    assert_eq!(headcount.departments(&ctx), [engineering(10, 10)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_announces_nothing() -> TestResult {
    let app = app(&FakeMail::failing(0)).build()?;
    let ctx = Context::for_tenant("acme")?;
    app.execute(&ctx, ada()).await?;

    let again = CreateEmployee { email: "ADA@acme.example".to_owned(), ..ada() };
    let error = app.execute(&ctx, again).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Handler(CreateEmployeeError::EmailTaken(_))));

    let nameless = CreateEmployee { full_name: "  ".to_owned(), ..ada() };
    let huge = CreateEmployee { department: "x".repeat(100_000), ..ada() };
    let broken = CreateEmployee { full_name: "Ada\nLovelace".to_owned(), ..ada() };
    for (command, reason) in [
        (nameless, "`full_name` is empty"),
        (huge, "`department` is longer than 200 characters"),
        (broken, "`full_name` has a line break or another control character"),
    ] {
        let error = app.execute(&ctx, command).await.unwrap_err();
        assert_eq!(error.to_string(), reason);
    }
    app.settled().await;
    assert_eq!(app.published::<EmployeeCreated>().len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn tenants_share_neither_employees_nor_counts() -> TestResult {
    let app = app(&FakeMail::failing(0)).build()?;
    let (acme, globex) = (Context::for_tenant("acme")?, Context::for_tenant("globex")?);
    let headcount: Arc<Headcount> = app.service().expect("linked");

    app.execute(&acme, ada()).await?;
    app.settled().await;
    assert_eq!(app.query(&globex, ListEmployees).await?.len(), 0);
    assert_eq!(headcount.departments(&globex), []);

    app.execute(&globex, ada()).await?;
    app.settled().await;
    assert_eq!(app.query(&acme, ListEmployees).await?.len(), 1);
    assert_eq!(headcount.departments(&acme), [engineering(1, 1)]);
    assert_eq!(headcount.departments(&globex), [engineering(1, 1)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_email_address_never_reaches_a_log() -> TestResult {
    let app = app(&FakeMail::failing(u32::MAX)).build()?;
    app.expect_failures();
    app.execute(&Context::for_tenant("acme")?, ada()).await?;
    app.settled().await;

    let timeline = app.timeline();
    assert!(timeline.contains("Ada Lovelace"), "{timeline}");
    assert!(timeline.contains("[redacted]"), "{timeline}");
    assert!(!timeline.contains("ada@acme.example"), "{timeline}");
    Ok(())
}
