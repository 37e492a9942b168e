//! The README's tour: employees are created, and other modules react.

use std::sync::Mutex;

use cqrs_core::prelude::*;

// ---- An event: something has happened. ---------------------------------------------------------

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "employee.created", entity = "Employee", action = "created")]
struct EmployeeCreated {
    #[event(entity_id)]
    employee_id: Uuid,
    full_name: String,
    #[event(redact)] // never reaches a log in clear
    email: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)] // the defaults: "task.created", "Task", "created"
struct TaskCreated {
    #[event(entity_id)]
    task_id: Uuid,
    title: String,
}

// ---- Event handlers, each with its own retries, time-out and dead letters. ----------------------

#[events_handler(retry(attempts = 3, backoff = "50ms"), timeout = "10s")]
async fn send_welcome_email(
    event: &EmployeeCreated,
    email: &dyn EmailService, // every other parameter is injected by its type
) -> HandlerResult {
    email.send(&event.email, &format!("Welcome, {}!", event.full_name))?;
    Ok(())
}

#[events_handler]
async fn plan_first_day(
    event: &EmployeeCreated,
    ctx: &Context,
    events: &EventBus,
) -> HandlerResult {
    let title = format!("Show {} around", event.full_name);
    events.publish(ctx, TaskCreated { task_id: Uuid::now_v7(), title }).await?;
    Ok(())
}

#[events_handler(EmployeeCreated, TaskCreated)] // a struct handles many events, typed
struct NotifyManagers;

impl<E: Event> EventHandler<E> for NotifyManagers {
    async fn handle(&self, event: &E, ctx: &Context) -> HandlerResult {
        println!("[{}] managers: a new {}", ctx.tenant(), event.entity().unwrap_or(E::NAME));
        Ok(())
    }
}

#[events_handler]
async fn trace(event: &AnyEvent, ctx: &Context) -> HandlerResult {
    println!("[{}] {} {}", ctx.tenant(), event.name(), event.redacted_payload());
    Ok(())
}

// ---- A command, a query, and their handlers: exactly one for each. -------------------------------

#[derive(Command)]
#[command(output = Employee, error = CreateEmployeeError)]
struct CreateEmployee {
    full_name: String,
    email: String,
}

#[derive(Debug, thiserror::Error)]
enum CreateEmployeeError {
    #[error("`{0}` is not an e-mail address")]
    InvalidEmail(String),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

#[command_handler]
async fn create_employee(
    command: CreateEmployee,
    ctx: &Context,
    employees: &Employees,
    events: &EventBus,
) -> Result<Employee, CreateEmployeeError> {
    let CreateEmployee { full_name, email } = command;
    if !email.contains('@') {
        return Err(CreateEmployeeError::InvalidEmail(email));
    }
    let employee = Employee { id: Uuid::now_v7(), tenant: ctx.tenant().to_string(), full_name };
    employees.add(employee.clone());
    let (employee_id, full_name) = (employee.id, employee.full_name.clone());
    events.publish(ctx, EmployeeCreated { employee_id, full_name, email }).await?;
    Ok(employee)
}

#[derive(Query)]
#[query(output = Option<Employee>)]
struct FindEmployee {
    id: Uuid,
}

#[query_handler]
async fn find_employee(
    query: FindEmployee,
    ctx: &Context,
    employees: &Employees,
) -> Result<Option<Employee>, HandlerError> {
    Ok(employees.find(query.id, ctx))
}

// ---- A service: built once, from its fields, as an `Arc<Employees>`. -----------------------------

#[derive(Debug, Clone, PartialEq)]
struct Employee {
    id: Uuid,
    tenant: String,
    full_name: String,
}

#[derive(Injectable)]
struct Employees {
    #[inject(default)]
    all: Mutex<Vec<Employee>>,
}

impl Employees {
    fn add(&self, employee: Employee) {
        self.all.lock().expect("not poisoned").push(employee);
    }

    fn find(&self, id: Uuid, ctx: &Context) -> Option<Employee> {
        let tenant = ctx.tenant().to_string();
        let employees = self.all.lock().expect("not poisoned");
        employees.iter().find(|it| it.id == id && it.tenant == tenant).cloned()
    }
}

// Handlers run on several threads, so what they share is `Send + Sync`.
trait EmailService: Send + Sync {
    fn send(&self, to: &str, text: &str) -> std::io::Result<()>;
}

struct Console;

impl EmailService for Console {
    fn send(&self, to: &str, text: &str) -> std::io::Result<()> {
        println!("to {to}: {text}");
        Ok(())
    }
}

// ---- The application. -----------------------------------------------------------------------------

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `build` lists everything that is wired wrongly, in one report. If handlers are in other
    // crates, name those: `.modules(modules![billing])`.
    let app = App::builder().provide::<Arc<dyn EmailService>>(Arc::new(Console)).build()?;

    let ctx = Context::for_tenant("acme")?.with_actor(Actor::user(42).named("Ada"));
    let command =
        CreateEmployee { full_name: "Grace Hopper".into(), email: "grace@example.com".into() };
    let employee = app.execute(&ctx, command).await?;
    let found = app.query(&ctx, FindEmployee { id: employee.id }).await?;
    println!("found: {}", found.map_or("nobody".into(), |employee| employee.full_name));

    let report = app.shutdown(Duration::from_secs(30)).await; // drains every cascade
    println!("{report}");
    Ok(())
}

// ---- Its tests. -----------------------------------------------------------------------------------

#[cfg(test)]
mod tests {
    use cqrs_core::testing::TestApp;

    use super::*;

    #[derive(Default)]
    struct Outbox(Mutex<Vec<String>>);

    impl EmailService for Outbox {
        fn send(&self, to: &str, _text: &str) -> std::io::Result<()> {
            self.0.lock().expect("not poisoned").push(to.to_owned());
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_employee_is_welcomed() -> Result<(), Box<dyn std::error::Error>> {
        let outbox = Arc::new(Outbox::default());
        let app = TestApp::builder()
            .provide::<Arc<dyn EmailService>>(outbox.clone()) // a fake in place of the real one
            .shuffle(None) // handlers in any order; a failing test prints the seed
            .build()?;
        let ctx = Context::for_tenant("acme")?;
        let command = CreateEmployee { full_name: "Ada".into(), email: "ada@example.com".into() };

        app.execute(&ctx, command).await?;
        app.settled().await; // all cascades done, no sleeps

        assert_eq!(app.published::<EmployeeCreated>().len(), 1);
        assert!(app.deliveries_to::<send_welcome_email>()[0].is_handled());
        assert_eq!(*outbox.0.lock().expect("not poisoned"), ["ada@example.com"]);
        Ok(())
    }
}
