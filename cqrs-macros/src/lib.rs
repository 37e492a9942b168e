//! The annotations of `cqrs-core`.
//!
//! Do not depend on this crate: `cqrs_core::prelude` has every annotation, and the code that they
//! generate needs `cqrs_core`.
//!
//! | To make | write |
//! |---|---|
//! | an event | [`#[derive(Event)]`](macro@Event) |
//! | a command | [`#[derive(Command)]`](macro@Command) |
//! | a query | [`#[derive(Query)]`](macro@Query) |
//! | a service that is built from others | [`#[derive(Injectable)]`](macro@Injectable) |
//! | a service that a function makes | [`#[provider]`](macro@provider) |
//! | a handler of events | [`#[events_handler(..)]`](macro@events_handler) |
//! | a handler of a command | [`#[command_handler(..)]`](macro@command_handler) |
//! | a handler of a query | [`#[query_handler(..)]`](macro@query_handler) |
//!
//! Every mistake in an annotation is one compile error, on the wrong token, that names the fix.

mod attr;
mod error;
mod expand;
mod model;
mod naming;
mod suggest;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;
use syn::Error;

/// Makes a struct or an enum an event: something that has happened, to which any number of handlers
/// react.
///
/// The type also needs `Serialize` and `Deserialize`, because events are stored, sent and logged.
/// It may be a struct of any shape or an enum, but not generic: an event's name identifies one
/// type.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(name = "employee.created", version = 1, entity = "Employee", action = "created")]
/// pub struct EmployeeCreated {
///     #[event(entity_id)]
///     pub employee_id: Uuid,
///     pub full_name: String,
///     #[event(redact)]
///     pub email: String,
/// }
///
/// assert_eq!(EmployeeCreated::NAME, "employee.created");
/// ```
///
/// # On the type: `#[event(..)]`
///
/// | Option | Meaning | If left out |
/// |---|---|---|
/// | `name = ".."` | The name under which the event is stored and sent. Never change it. Words of lower-case ASCII letters, digits, `-` and `_`, each starting with a letter and joined by dots; at most 128 bytes. | The type's words, without a last `Event`: `EmployeeCreated` and `EmployeeCreatedEvent` are `employee.created`. |
/// | `version = 2` | The version of the payload's form, from 1. It is stored with each event. | 1 |
/// | `upcast(1 = path)` | How a stored payload of an older version becomes one of the next; see below. | Required for each version before `version` |
/// | `entity = ".."` | What the event is about, for people; at most 128 bytes. | What the type's name and its `entity_id` field say: `TimeLogCreated { time_log_id }` is about a `TimeLog`, `StockReserved { order_id }` has none. A field that does not end in `_id` needs a name whose last word is a known past tense. |
/// | `action = ".."` | What happened to it; at most 128 bytes. | The words after the entity: `created`, `signed up`. Nothing if the name does not say the entity. |
/// | `describe = ".."` | What happened as a sentence for people, without its subject; see below. At most 512 bytes. | No description |
/// | `activity = false` | The event does not belong into an activity log. | `true` |
/// | `crate = "platform::cqrs"` | Where `cqrs_core` is, if it is a renamed dependency or another crate re-exports it. All annotations have this option. | `::cqrs_core` |
/// | `as = dyn Trait` | The trait is an alias of the event: handlers of `dyn Trait` get the event. It may be repeated, or list several: `as(dyn A, dyn B)`. The trait is `Send + Sync`. | None |
///
/// Leaving everything out is fine while a type's name is right:
///
/// ```
/// # use cqrs_core::prelude::*;
/// #[derive(Serialize, Deserialize, Event)]
/// pub struct TimeLogCreated {
///     #[event(entity_id)]
///     pub time_log_id: Uuid,
/// }
///
/// assert_eq!(TimeLogCreated::NAME, "time.log.created");
/// assert_eq!(TimeLogCreated::ENTITY, Some("TimeLog"));
/// assert_eq!(TimeLogCreated::ACTION, Some("created"));
/// ```
///
/// # On a field: `#[event(..)]`
///
/// | Option | Meaning | At most |
/// |---|---|---|
/// | `entity_id` | The field says which entity the event is about. Events about one entity reach each handler in the order they were published. Its type needs `Display`. | One |
/// | `entity_name` | The field is the entity's name for people. Its type needs `Display`; it cannot be redacted. | One |
/// | `order_by` | The field orders the event in place of the entity: events of one tenant that name the same value reach each handler in the order they were published, also if their types differ. Its type needs `Display`; it may be an `Option`. | One |
/// | `redact`, or `redact = mask` | The field's value is masked in logs and in the activity log; handlers still see it. | |
/// | `redact = hash` | The same, but the activity log shows a keyed hash if it has a key, so that equal values can be found. | |
/// | `redact = drop` | The field is removed. | |
/// | `changes` | The field says what an update changed. It is a `Changes` or derefs to one, or an `Option` of that. What the event redacts is redacted in it too. | One |
///
/// "One" means one field of a struct, or of each variant of an enum.
///
/// Redaction follows serde's attributes: `rename`, `rename_all`, `rename_all_fields`, `skip`,
/// `skip_serializing_if`, `transparent`, `tag`, `content` and `untagged`. Where it cannot follow
/// (`flatten` on the field, `into` or `remote` on the type, `with` on the variant, the only field
/// of a variant that serde writes beside its tag), it is refused.
///
/// # Versions
///
/// A store keeps events for longer than a build lives. A new optional field needs no version. Any other change of
/// the form needs a new `version`, and a function that turns a payload of the version before into one of the new
/// version. It takes a `serde_json::Value`, and returns one, or a `Result` with one.
///
/// ```
/// # use cqrs_core::prelude::*;
/// use serde_json::{Value, json};
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(version = 3, upcast(1 = hours_to_minutes, 2 = rename_employee))]
/// pub struct TimeLogged {
///     pub employee_id: u64,
///     pub minutes: u64,
/// }
///
/// fn hours_to_minutes(mut payload: Value) -> Result<Value, String> {
///     let hours = payload["hours"].as_u64().ok_or("`hours` is not a whole number")?;
///     payload["minutes"] = json!(hours * 60);
///     Ok(payload)
/// }
///
/// fn rename_employee(mut payload: Value) -> Value {
///     payload["employee_id"] = payload["employee"].take();
///     payload
/// }
/// ```
///
/// An event of version 1 goes through both functions. An event whose function fails or panics, or whose version is
/// newer than that of the type, is a dead letter of each handler that wants it, with the reason.
///
/// # Descriptions
///
/// ```
/// # use cqrs_core::prelude::*;
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(entity = "Employee", describe = "created a new {entity} called {full_name}, reporting to {manager|no one}")]
/// pub struct EmployeeCreated {
///     pub full_name: String,
///     pub manager: Option<String>,
/// }
///
/// let event = EmployeeCreated { full_name: "Ada".into(), manager: None };
/// let description = event.description().unwrap();
/// assert_eq!(description, "created a new Employee called Ada, reporting to no one");
/// ```
///
/// | Placeholder | Meaning |
/// |---|---|
/// | `{full_name}`, `{0}` | A field, by its Rust name or position. It needs `Display`. |
/// | `{manager\|no one}` | A field that is an `Option`, and the text for an absent one. |
/// | `{entity}`, `{action}` | The event's entity and action, unless a field is called so. |
/// | `{entity_id}`, `{entity_name}` | The field so marked. |
/// | `{amount:.2}` | A format follows the colon, as in `format!`. |
/// | `{{`, `}}` | The characters themselves. |
///
/// A description is never redacted, so a redacted field in it is refused.
///
/// # Enums
///
/// An enum is one event with one name. Options for fields work in its variants, and each variant may have
/// its own `describe`; the one above the enum, which names no fields, is for the others.
///
/// ```
/// # use cqrs_core::prelude::*;
/// #[derive(Serialize, Deserialize, Event)]
/// #[serde(tag = "method", rename_all = "snake_case")]
/// #[event(name = "invoice.paid", entity = "Invoice", action = "paid", describe = "paid an {entity}")]
/// pub enum InvoicePaid {
///     #[event(describe = "paid {entity} {entity_id} by card")]
///     Card {
///         #[event(entity_id)]
///         invoice_id: Uuid,
///         #[event(redact)]
///         number: String,
///     },
///     Cash {
///         #[event(entity_id)]
///         invoice_id: Uuid,
///     },
/// }
/// ```
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    expand::event::derive(input.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a struct or an enum a command: a request to change something, which exactly one handler
/// carries out.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee;
/// # #[derive(Debug)]
/// # pub struct CreateEmployeeError;
/// # impl std::fmt::Display for CreateEmployeeError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no") }
/// # }
/// # impl std::error::Error for CreateEmployeeError {}
/// #[derive(Command)]
/// #[command(output = Employee, error = CreateEmployeeError)]
/// pub struct CreateEmployee {
///     pub full_name: String,
///     pub email: String,
/// }
///
/// assert_eq!(CreateEmployee::NAME, "create.employee");
/// ```
///
/// # Options: `#[command(..)]`
///
/// | Option | Meaning | If left out |
/// |---|---|---|
/// | `name = ".."` | The command's name in traces and reports, by the rules for an event's name. | The type's words, without a last `Command`: `create.employee` |
/// | `output = Type` | What the handler returns. | `()` |
/// | `json` | `CommandBus::execute_json` may execute it by its name. It needs `Deserialize`, and its output `Serialize`. | Only code that knows its type executes it |
/// | `idempotent` | It is executed once for each idempotency key of its context: a second execution with the key returns the stored output of the first one, and does not call the handler. It needs `Serialize`, its output `Serialize` and `Deserialize`, and its handler must be `transactional`. | A key makes no difference |
/// | `error = Type` | How the handler fails. | `HandlerError` |
/// | `requires = ".."` | The permission that its caller needs, a list of permissions, all of which it needs, or `none`. [`Authorize`](../cqrs_core/middleware/struct.Authorize.html) asks a policy for them. | Not declared: `Authorize` refuses the message |
///
/// A command may have any shape, but not be generic: its name identifies one type.
#[proc_macro_derive(Command, attributes(command))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    derive_message(model::message::Kind::Command, input)
}

/// Makes a struct or an enum a query: a question that exactly one handler answers without changing
/// anything.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee;
/// #[derive(Query)]
/// #[query(output = Option<Employee>)]
/// pub struct FindEmployee {
///     pub id: Uuid,
/// }
///
/// assert_eq!(FindEmployee::NAME, "find.employee");
/// ```
///
/// # Options: `#[query(..)]`
///
/// | Option | Meaning | If left out |
/// |---|---|---|
/// | `name = ".."` | The query's name in traces and reports, by the rules for an event's name. | The type's words, without a last `Query`: `find.employee` |
/// | `output = Type` | What the handler answers with. | Required, or `stream` |
/// | `stream = Type` | The handler answers with a stream of rows of this type; see `QueryBus::stream`. | One answer |
/// | `error = Type` | How the handler fails. | `HandlerError` |
/// | `requires = ".."` | The permission that its caller needs, a list of permissions, all of which it needs, or `none`. [`Authorize`](../cqrs_core/middleware/struct.Authorize.html) asks a policy for them. | Not declared: `Authorize` refuses the message |
///
/// A query may have any shape, but not be generic: its name identifies one type.
#[proc_macro_derive(Query, attributes(query))]
pub fn derive_query(input: TokenStream) -> TokenStream {
    derive_message(model::message::Kind::Query, input)
}

fn derive_message(kind: model::message::Kind, input: TokenStream) -> TokenStream {
    expand::message::derive(kind, input.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a struct a service: the application builds it once, from its fields, and gives it to
/// every service and handler that injects it, as `Arc<Service>`.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # pub struct Clock;
/// pub trait EmployeeRepository: Send + Sync {}
///
/// #[derive(Injectable)]
/// pub struct EmployeeService {
///     repository: Arc<dyn EmployeeRepository>,
///     events: EventBus,
///     #[inject(name = "payroll")]
///     clock: Arc<Clock>,
///     #[inject(default)]
///     seen: std::sync::atomic::AtomicU64,
/// }
/// ```
///
/// # On a field: `#[inject(..)]`
///
/// A field without it is injected by its type: a bus, an `Arc` of a service, or a value given to
/// `App::builder().provide(..)`. What is missing is reported when the application is built.
///
/// - `default` makes the field with `Default::default()` instead.
/// - `name = ".."` injects the service of the field's type that has this name.
///
/// A field of type `Option<T>` takes the service of type `T` if there is one. A field of type `Vec<T>`, such as
/// `Vec<Arc<dyn Rule>>`, takes all services of type `T`, with and without names: those without a name first, then by name.
/// Services of one name are in the order of their types' paths.
///
/// # On the type: `#[injectable(..)]`
///
/// - `as = dyn Trait` also offers the service as `Arc<dyn Trait>`. It may be repeated, or list
///   several: `as(dyn Read, dyn Write)`.
/// - `name = ".."` gives the trait objects this name, for fields with `#[inject(name = "..")]`, so that several services can
///   implement one trait.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # pub trait EmployeeRepository: Send + Sync {}
/// #[derive(Injectable)]
/// #[injectable(as = dyn EmployeeRepository)]
/// pub struct InMemoryEmployees;
///
/// impl EmployeeRepository for InMemoryEmployees {}
/// ```
///
/// Named fields, tuples and unit structs work. An enum or a generic struct cannot be built by its
/// type: build the value and `provide` it. Handlers are built in the same way without this derive.
#[proc_macro_derive(Injectable, attributes(inject, injectable))]
pub fn derive_injectable(input: TokenStream) -> TokenStream {
    expand::injectable::derive(input.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Registers a function or a struct as a handler of events.
///
/// The first parameter of a function is the event. All others are the `Context` or services:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct EmployeeCreated { pub email: String }
/// # pub trait EmailService: Send + Sync { fn send_welcome(&self, to: &str); }
/// #[events_handler(timeout = "10s")]
/// async fn send_welcome_email(
///     event: &EmployeeCreated,
///     ctx: &Context,
///     email: &dyn EmailService,
/// ) -> HandlerResult {
///     email.send_welcome(&event.email);
///     Ok(())
/// }
/// ```
///
/// | Parameter | Gets |
/// |---|---|
/// | `event: &E`, the first | The event. `&AnyEvent` means every event, `&dyn Trait` every event that has the trait as an alias. |
/// | `batch: &Batch<E>`, the first | Many events at once; with the option `batch(..)`. |
/// | `ctx: &Context` | The context, if the function needs it. |
/// | `tx: &mut SqliteTransaction` | A transaction of the application's store. It commits when the function returns `Ok`. The parameter makes the handler `transactional`. |
/// | `name: &T`, `name: &dyn Trait` | A reference to a service: to the `T` in an `Arc<T>`, or to a service of type `T`. |
/// | `name: Arc<T>`, `name: EventBus` and others | A clone of the service of this type. |
///
/// `#[inject(name = "..")]` on a parameter injects the service of this name. The function returns a `Result` with any
/// error that `?` turns into a `HandlerError`. A test can call the function. The test kit names the handler by the
/// function: `app.deliveries_to::<send_welcome_email>()`.
///
/// A handler of several events is a struct. Name the events, and implement `EventHandler` for each of them:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct EmployeeCreated { pub email: String }
/// # pub trait EmailService: Send + Sync { fn send_welcome(&self, to: &str); }
/// #[events_handler(EmployeeCreated)]
/// struct SendWelcomeEmail {
///     email: Arc<dyn EmailService>, // every field is injected by its type
/// }
///
/// impl EventHandler<EmployeeCreated> for SendWelcomeEmail {
///     async fn handle(&self, event: &EmployeeCreated, ctx: &Context) -> HandlerResult {
///         self.email.send_welcome(&event.email);
///         Ok(())
///     }
/// }
/// ```
///
/// `*` means every event, as `AnyEvent`:
///
/// ```
/// # use cqrs_core::prelude::*;
/// #[events_handler(*, concurrency = 1)]
/// struct Trace;
///
/// impl EventHandler<AnyEvent> for Trace {
///     async fn handle(&self, event: &AnyEvent, ctx: &Context) -> HandlerResult {
///         Ok(())
///     }
/// }
/// ```
///
/// A trait object means every event that has it as an alias, `#[event(as = dyn Trait)]`:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// trait EmployeeEvent: Send + Sync {
///     fn employee_id(&self) -> Uuid;
/// }
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(as = dyn EmployeeEvent)]
/// pub struct EmployeeCreated { pub id: Uuid }
///
/// impl EmployeeEvent for EmployeeCreated {
///     fn employee_id(&self) -> Uuid {
///         self.id
///     }
/// }
///
/// #[events_handler]
/// async fn index_employee(event: &dyn EmployeeEvent) -> HandlerResult {
///     println!("{} has changed", event.employee_id());
///     Ok(())
/// }
/// ```
///
/// A struct with `#[events_handler(dyn EmployeeEvent)]` implements `EventHandler<dyn EmployeeEvent>`, and takes
/// `event: &(dyn EmployeeEvent + 'static)`.
///
/// With `batch(..)`, the handler gets many events at once, and implements `BatchEventHandler` instead:
///
/// ```
/// # use cqrs_core::prelude::*;
/// #[events_handler(*, batch(max = 500))]
/// struct Record;
///
/// impl BatchEventHandler<AnyEvent> for Record {
///     async fn handle_batch(&self, batch: &Batch<AnyEvent>, ctx: &Context) -> HandlerResult {
///         Ok(())
///     }
/// }
/// ```
///
/// With `transactional`, the handler writes in a transaction of the application's store, and implements
/// `TransactionalEventHandler`, or `TransactionalBatchEventHandler` with `batch(..)`. What it writes, what it
/// publishes, and that it has handled the event, are committed together:
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct EmployeeCreated;
/// # pub struct SqliteTransaction;
/// #[events_handler(EmployeeCreated, transactional)]
/// struct CountHeads;
///
/// impl TransactionalEventHandler<EmployeeCreated> for CountHeads {
///     type Transaction = SqliteTransaction; // that of the store, which the application proves
///
///     async fn handle(
///         &self,
///         event: &EmployeeCreated,
///         tx: &mut SqliteTransaction,
///         ctx: &Context,
///     ) -> HandlerResult {
///         Ok(())
///     }
/// }
/// ```
///
/// # Options
///
/// They follow the events.
///
/// | Option | Meaning | If left out |
/// |---|---|---|
/// | `retry(attempts = 5, backoff = "100ms", max = "30s")` | How many attempts are made before a delivery becomes a dead letter, and the wait between them: at first up to `backoff`, then up to twice as long each time, at most `max`. Each part may be left out; a `backoff` above the default `max` raises it. 1 to 100 attempts; `backoff` from 1ms to 1h; `max` from 1ms to 24h. | As written here |
/// | `retry(.., jitter = none)` | Each wait is exactly as long as the back-off. | A wait is random, up to the back-off |
/// | `retry(waits = ["1s", "10s", "1m"])` | The waits between attempts, exactly: one more attempt than waits. 1 to 16 waits, each from 1ms to 24h; not together with the parts above. | |
/// | `retry(.., never = [InvalidAddress, OtherError])` | Errors of these types are permanent: no attempt follows. The type is that of the error which the handler returns or converts with `?`, see `HandlerError::downcast_ref`. | Only errors that are marked `permanent()` |
/// | `retry = none` | One attempt is made. | |
/// | `timeout = "30s"` | How long one attempt may take, from 1ms to 24h. | 30s |
/// | `timeout = none` | An attempt has no time limit. | |
/// | `deliver_within = "1h"` | How old an event may be when an attempt begins, by the wall clock, from 1ms to 8760h (a year). The delivery of an older event expires: it fails for good, without an attempt, and the reason begins with "expired". | Any age |
/// | `dead_letters = "discard"` | A delivery that has failed for good is logged and counted, and leaves no dead letter. `"keep"`: it becomes a dead letter. `"block"`: it does, and later events of its order key wait until it is delivered again or discarded. | `"keep"` |
/// | `concurrency = 8` | How many events the handler works on at once, 1 to 1024. Events of one order key come one at a time. | 8 |
/// | `order = "tenant"`, `order = "none"` | Which events come in publish order, one at a time: all of a tenant, or none. `"key"`: those of one order key, which is the value of `#[event(order_by)]`, or else the entity. | `"key"` |
/// | `rate = "100/s"` | How many attempts are begun in a second (`/s`), a minute (`/m`) or an hour (`/h`), evenly spaced; 1 to 1000000. Other deliveries stay queued. | No limit |
/// | `rate = none`, `breaker = none` | No limit, and no breaker, also if the application has a default. | |
/// | `breaker(failures = 5, cooldown = "30s")` | After so many failed attempts in a row, no attempt is made for `cooldown`; deliveries wait and keep their attempts. Then one attempt decides whether to continue. Errors, panics and time-outs of the handler count as failures; with `count = "all"`, permanent errors and refusals by middleware count too. Each part may be left out. 1 to 10000 failures; `cooldown` from 1ms to 24h. | No breaker |
/// | `batch(max = 500, across_tenants)` | The handler implements `BatchEventHandler` and gets up to `max` events at once, 1 to 10000. With `across_tenants`, it may hold events of several tenants. | Events come one by one |
/// | `transactional` | The handler implements `TransactionalEventHandler`, or `TransactionalBatchEventHandler` with `batch(..)`. All its events have the same `Transaction`. | No transaction |
/// | `start = "beginning"`, `start = "now"` | Where the handler starts when it is new in an application with a store: with the oldest event in the log, or after the newest. | `"now"` |
/// | `transient` | In an application with a store too, the handler gets its events from memory: what this process publishes while it runs, and nothing again after a crash. For caches and progress displays. Not with `transactional` or `start`. | With a store, each event is delivered at least once |
/// | `emits(InvoiceIssued, CloseOrder)` | The events that the handler publishes, and the commands and queries that it executes; `emits()` for nothing: for the map and the check of cycles. A test finds what is missing, see `Description::assert_emissions_declared`. | Not declared |
/// | `crate = "platform::cqrs"` | Where `cqrs_core` is, if it is a renamed dependency or another crate re-exports it. | `::cqrs_core` |
/// | `name = ".."` | The name under which deliveries, retries and dead letters are kept. Keep it when the struct is renamed. Lower-case ASCII letters, digits, `.`, `_` and `-`, starting with a letter or a digit; at most 128 bytes. | The struct's words: `send-welcome-email` |
///
/// A duration is a whole number and its unit: `ms`, `s`, `m` or `h`.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct EmployeeCreated;
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct TaskCreated;
/// #[events_handler(
///     EmployeeCreated,
///     TaskCreated,
///     name = "notify-managers",
///     retry(attempts = 10, max = "5m"),
///     timeout = "10s",
///     concurrency = 2,
///     rate = "100/s",
///     breaker(failures = 5, cooldown = "30s")
/// )]
/// struct NotifyManagers;
///
/// impl<E: Event> EventHandler<E> for NotifyManagers {
///     async fn handle(&self, event: &E, ctx: &Context) -> HandlerResult {
///         Ok(())
///     }
/// }
/// ```
///
/// # Fields
///
/// They are injected as those of a service, see [`Injectable`](macro@Injectable), which the
/// annotation implements: do not derive it too. A generic struct cannot be annotated; register it
/// with `App::builder().register(..)`.
#[proc_macro_attribute]
pub fn events_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(attr::handler::Kind::Events, args, item)
}

/// Registers a function or a struct as the handler of a command.
///
/// The first parameter of a function is the command; the others are those of an
/// [`events_handler`](macro@events_handler). With a `&mut` parameter, it writes in a transaction of the application's
/// store, which commits when the function returns `Ok`:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee { pub full_name: String }
/// # #[derive(Serialize, Deserialize, Event)]
/// # pub struct EmployeeCreated { pub full_name: String }
/// # pub struct SqliteTransaction;
/// # #[derive(Command)]
/// # #[command(output = Employee)]
/// # pub struct CreateEmployee { pub full_name: String }
/// #[command_handler]
/// async fn create_employee(
///     command: CreateEmployee,
///     tx: &mut SqliteTransaction,
///     events: &EventBus,
///     ctx: &Context,
/// ) -> Result<Employee, HandlerError> {
///     let full_name = command.full_name;
///     // Writes with `tx`, and then:
///     events.publish(ctx, EmployeeCreated { full_name: full_name.clone() }).await?;
///     Ok(Employee { full_name })
/// }
/// ```
///
/// For a struct, name the command, and implement `CommandHandler` for it:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee { pub full_name: String }
/// # #[derive(Command)]
/// # #[command(output = Employee)]
/// # pub struct CreateEmployee { pub full_name: String }
/// #[command_handler(CreateEmployee)]
/// struct CreateEmployeeHandler {
///     events: EventBus, // every field is injected by its type
/// }
///
/// impl CommandHandler<CreateEmployee> for CreateEmployeeHandler {
///     async fn execute(
///         &self,
///         command: CreateEmployee,
///         ctx: &Context,
///     ) -> Result<Employee, HandlerError> {
///         Ok(Employee { full_name: command.full_name })
///     }
/// }
/// ```
///
/// With `transactional`, it writes in a transaction of the application's store, and implements
/// `TransactionalCommandHandler`. The transaction commits when the handler returns `Ok`:
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(Command)]
/// # pub struct CreateEmployee { pub full_name: String }
/// # pub struct SqliteTransaction;
/// #[command_handler(CreateEmployee, transactional)]
/// struct CreateEmployeeHandler;
///
/// impl TransactionalCommandHandler<CreateEmployee> for CreateEmployeeHandler {
///     type Transaction = SqliteTransaction; // that of the store, which the application proves
///
///     async fn execute(
///         &self,
///         command: CreateEmployee,
///         tx: &mut SqliteTransaction,
///         ctx: &Context,
///     ) -> Result<(), HandlerError> {
///         Ok(())
///     }
/// }
/// ```
///
/// # Options
///
/// They follow the command.
///
/// | Option | Meaning | If left out |
/// |---|---|---|
/// | `timeout = "30s"` | How long the handler may take for all attempts together, from 1ms to 24h. | 30s |
/// | `timeout = none` | The handler has no time limit. | |
/// | `retry(attempts = 3, backoff = "10ms", when = is_busy)` | The command is attempted again after errors of the handler for which `when`, a `fn(&Error) -> bool`, returns `true`. The command must be `Clone`. With `transactional`, `when` may be left out: the command is also attempted again, in a new transaction, if the store cannot begin one, or after a conflict with another transaction, such as a deadlock. The other parts, with their limits, are those of [`events_handler`](macro@events_handler), without `never`. | One attempt |
/// | `transactional` | The handler implements `TransactionalCommandHandler`. | No transaction |
/// | `emits(InvoiceIssued, CloseOrder)` | The events that the handler publishes, and the commands and queries that it executes; `emits()` for nothing: for the map and the check of cycles. A test finds what is missing, see `Description::assert_emissions_declared`. | Not declared |
/// | `name = ".."` | The handler's name in traces and reports, by the rules of [`events_handler`](macro@events_handler). | The struct's words: `create-employee-handler` |
///
/// There is no `concurrency`, `rate`, `breaker`, `batch`, `transient` or `start`: a command is not queued. Its caller waits for
/// the result.
///
/// Fields are injected as those of a service, see [`Injectable`](macro@Injectable), which the
/// annotation implements: do not derive it too.
#[proc_macro_attribute]
pub fn command_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(attr::handler::Kind::Command, args, item)
}

/// Registers a function or a struct as the handler of a query.
///
/// The first parameter of a function is the query; the others are those of an
/// [`events_handler`](macro@events_handler), without a transaction:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee;
/// # pub trait Directory: Send + Sync { fn find(&self, id: Uuid) -> Option<Employee>; }
/// # #[derive(Query)]
/// # #[query(output = Option<Employee>)]
/// # pub struct FindEmployee { pub id: Uuid }
/// #[query_handler]
/// async fn find_employee(
///     query: FindEmployee,
///     directory: &dyn Directory,
/// ) -> Result<Option<Employee>, HandlerError> {
///     Ok(directory.find(query.id))
/// }
/// ```
///
/// For a struct, name the query, and implement `QueryHandler` for it:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Debug)]
/// # pub struct Employee;
/// # pub trait Directory: Send + Sync { fn find(&self, id: Uuid) -> Option<Employee>; }
/// # #[derive(Query)]
/// # #[query(output = Option<Employee>)]
/// # pub struct FindEmployee { pub id: Uuid }
/// #[query_handler(FindEmployee, timeout = "2s")]
/// struct FindEmployeeHandler {
///     directory: Arc<dyn Directory>, // every field is injected by its type
/// }
///
/// impl QueryHandler<FindEmployee> for FindEmployeeHandler {
///     async fn execute(
///         &self,
///         query: FindEmployee,
///         ctx: &Context,
///     ) -> Result<Option<Employee>, HandlerError> {
///         Ok(self.directory.find(query.id))
///     }
/// }
/// ```
///
/// A query with `#[query(stream = Row)]` is answered by a function with `rows: &mut Rows<Row>`, or by a struct with the
/// option `stream`, which implements `StreamQueryHandler`:
///
/// ```
/// use cqrs_core::handler::Rows;
/// use cqrs_core::prelude::*;
///
/// #[derive(Query)]
/// #[query(stream = String)]
/// pub struct ExportNames;
///
/// #[query_handler(timeout = "10m")] // for the whole stream
/// async fn export_names(_: ExportNames, rows: &mut Rows<String>) -> Result<(), HandlerError> {
///     rows.send("Ada".to_owned()).await; // waits for a slow reader
///     Ok(())
/// }
/// ```
///
/// The other options, and how fields are injected, are those of
/// [`command_handler`](macro@command_handler), without `transactional` and `retry`. A query changes nothing, so the
/// application is not built if its handler injects a bus with which it could change state.
#[proc_macro_attribute]
pub fn query_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(attr::handler::Kind::Query, args, item)
}

/// Registers a function that makes a service, such as a pool of connections, once per application.
///
/// Its parameters are services. The returned value is the service of its type, for every field and parameter of that type:
///
/// ```
/// use cqrs_core::prelude::*;
///
/// # #[derive(Clone)]
/// # pub struct Config { url: String }
/// # #[derive(Clone)]
/// # pub struct Database;
/// # impl Database { async fn connect(_: &str) -> Result<Self, std::io::Error> { Ok(Self) } }
/// #[provider]
/// async fn database(config: &Config) -> Result<Database, std::io::Error> {
///     Database::connect(&config.url).await
/// }
///
/// #[provider(name = "greeting")] // for fields with `#[inject(name = "greeting")]`
/// fn greeting() -> Arc<str> {
///     "Hello".into()
/// }
/// ```
///
/// `App::builder().build_async().await` proves the wiring, and then runs each provider after those of the services that it
/// needs. The error of a failed provider is in the wiring report. Providers that are not `async` run in `build` too. If a
/// value of the same type is given with `provide`, it replaces the provider, which does not run.
///
/// The service is `Clone + Send + Sync`. For any other type, return an `Arc<T>` or an `Arc<dyn Trait>`. The error converts
/// into a `Box<dyn Error + Send + Sync>`.
#[proc_macro_attribute]
pub fn provider(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::provider::annotate(args.into(), &item.into()).into()
}

fn annotate(kind: attr::handler::Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler::annotate(kind, args.into(), &item.into()).into()
}
