//! One snapshot for each form of each annotation.

use quote::quote;

use super::{
    command, command_handler, event, events_handler, injectable, pretty, query, query_handler,
};

macro_rules! assert_expansion {
    ($generated:expr) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(pretty($generated));
        });
    };
}

#[test]
fn event_with_every_option() {
    assert_expansion!(event(quote! {
        #[event(name = "employee.created", version = 2, entity = "Employee", action = "created")]
        pub struct EmployeeCreated {
            #[event(entity_id)]
            pub employee_id: Uuid,
            pub full_name: String,
            #[event(redact)]
            pub email: String,
        }
    }));
}

#[test]
fn event_with_defaults() {
    assert_expansion!(event(quote!(
        struct TimeLogSubmittedEvent;
    )));
}

#[test]
fn event_without_entity() {
    assert_expansion!(event(quote!(
        struct Tick(u64);
    )));
}

#[test]
fn event_with_one_option_overridden() {
    assert_expansion!(event(quote! {
        #[event(entity = "Time log")]
        struct TimeLogCreated(#[event(entity_id, redact)] u64, String);
    }));
}

#[test]
fn event_enum() {
    assert_expansion!(event(quote! {
        #[event(name = "invoice.paid")]
        enum Payment {
            Card { #[event(entity_id)] invoice_id: Uuid, #[event(redact)] number: String },
            Transfer(#[event(redact)] String, #[event(entity_id)] Uuid),
            Cash,
        }
    }));
}

#[test]
fn event_enum_with_ids_everywhere() {
    assert_expansion!(event(quote! {
        enum Moved {
            Up { #[event(entity_id)] id: u64 },
            Down(#[event(entity_id)] u64),
        }
    }));
}

#[test]
fn event_enum_whose_ids_are_redacted_in_some_variants() {
    assert_expansion!(event(quote! {
        enum Opened {
            Account(#[event(entity_id, redact)] Iban, Plan),
            Vault { #[event(entity_id, redact = hash)] owner: Option<String> },
            Shop { #[event(entity_id)] id: u64 },
        }
    }));
}

#[test]
fn event_that_is_an_activity() {
    assert_expansion!(event(quote! {
        #[event(describe = "changed {entity} {employee_id}, {full_name:?} ({manager|nobody}): {what|}")]
        struct EmployeeUpdated {
            #[event(entity_id)]
            employee_id: Uuid,
            #[event(entity_name)]
            full_name: String,
            manager: Option<String>,
            #[event(redact = hash)]
            email: String,
            what: Option<u8>,
            #[event(changes)]
            changes: Changes,
        }
    }));
}

#[test]
fn event_enum_that_is_an_activity() {
    assert_expansion!(event(quote! {
        #[event(entity = "Invoice", action = "paid", describe = "{action} {{{entity}}}")]
        enum Payment {
            #[event(describe = "{action} {0} with {1:>4}, that is {entity_id}")]
            Transfer(#[event(entity_id)] Uuid, u8),
            #[event(describe = "a {type} of {entity_name|nobody}, {name|?}")]
            Card { r#type: String, #[event(entity_name)] name: Option<String>, number: u8 },
            Changed { #[event(changes)] changes: Option<Changes> },
            Cash,
        }
    }));
}

#[test]
fn event_that_is_no_activity() {
    assert_expansion!(event(quote! {
        #[event(activity = false)]
        struct Tick;
    }));
}

#[test]
fn deprecated_event() {
    assert_expansion!(event(quote! {
        #[deprecated]
        struct BadgePrinted;
    }));
}

#[test]
fn command_with_every_option() {
    assert_expansion!(command(quote! {
        #[command(name = "employee.create", output = Employee, error = errors::CreateEmployeeError)]
        pub struct CreateEmployee { pub full_name: String }
    }));
}

#[test]
fn command_with_defaults() {
    assert_expansion!(command(quote! {
        enum RenameEmployeeCommand { First(String), Last(String) }
    }));
}

#[test]
fn query_with_output() {
    assert_expansion!(query(quote! {
        #[query(output = HashMap<Uuid, Vec<Employee>>)]
        struct FindEmployee(Uuid);
    }));
}

#[test]
fn service_with_every_kind_of_field() {
    assert_expansion!(injectable(quote! {
        pub struct EmployeeService {
            repository: Arc<dyn EmployeeRepository>,
            pub events: EventBus,
            #[inject(name = "primary")]
            pool: Pool,
            #[inject(default)]
            cache: Cache,
            r#type: Arc<Kind>,
        }
    }));
}

#[test]
fn service_offered_as_traits() {
    assert_expansion!(injectable(quote! {
        #[injectable(as = dyn Read)]
        #[injectable(as(dyn io::Write, dyn Seek + Send))]
        struct Store(Arc<Pool>, #[inject(default)] u64);
    }));
}

#[test]
fn service_without_dependencies() {
    assert_expansion!(injectable(quote!(
        struct Clock;
    )));
}

#[test]
fn events_handler_of_one_event() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated),
        quote! {
            /// Says hello.
            #[derive(Debug)]
            #[allow(deprecated)]
            pub struct SendWelcomeEmail {
                email: Arc<dyn EmailService>,
                /// How many were sent.
                #[inject(default)]
                sent: AtomicU64,
            }
        },
    ));
}

#[test]
fn events_handler_with_every_option() {
    assert_expansion!(events_handler(
        quote! {
            EmployeeCreated, tasks::TaskCreated, Changed<Invoice>,
            retry(attempts = 10, backoff = "1s", max = "5m"), timeout = "2h", concurrency = 1,
            name = "hr.notify", rate = "100/m", breaker(failures = 3, cooldown = "1m"),
        },
        quote!(
            struct NotifyManagers;
        ),
    ));
}

#[test]
fn events_handler_of_every_event() {
    assert_expansion!(events_handler(
        quote!(*, retry = none, timeout = none),
        quote!(
            struct Trace;
        ),
    ));
}

#[test]
fn events_handler_of_batches() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated, tasks::TaskCreated, batch(max = 500, linger = "20ms")),
        quote!(
            struct IndexEmployees;
        ),
    ));
    assert_expansion!(events_handler(
        quote!(*, batch(max = 500, across_tenants)),
        quote!(
            struct Record;
        ),
    ));
}

#[test]
fn events_handler_with_conditional_fields() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated),
        quote! {
            struct Audit {
                #[cfg(feature = "metrics")]
                metrics: Arc<Metrics>,
                log: Arc<Log>,
            }
        },
    ));
}

#[test]
fn command_handler_with_options() {
    assert_expansion!(command_handler(
        quote!(commands::CreateEmployee, timeout = "5s", name = "create"),
        quote!(
            struct CreateEmployeeHandler(Arc<EmployeeService>);
        ),
    ));
}

#[test]
fn query_handler_with_defaults() {
    assert_expansion!(query_handler(
        quote!(FindEmployee),
        quote! {
            struct FindEmployeeHandler { directory: Arc<Directory> }
        },
    ));
}

#[test]
fn mistakes_leave_the_struct_and_what_depends_on_it() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated, concurrency = 0),
        quote! {
            #[derive(Debug, Injectable)]
            struct SendWelcomeEmail { #[inject(default)] sent: AtomicU64 }
        },
    ));
    assert_expansion!(event(quote! {
        #[event(version = 0)]
        struct EmployeeCreated { #[event(entity_id)] id: Uuid }
    }));
    assert_expansion!(injectable(quote! {
        struct Clock { #[inject(defualt)] ticks: u64 }
    }));
}
