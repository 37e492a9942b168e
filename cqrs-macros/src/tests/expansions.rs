//! One snapshot for each annotation: what the generated code looks like. Tests of behaviour cover the rest.

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
fn event_struct() {
    assert_expansion!(event(quote! {
        #[event(
            version = 3, upcast(2 = Self::from_2, 1 = versions::from_1), activity = false,
            describe = "changed {entity} {full_name:?}, who reports to {manager|none}"
        )]
        struct EmployeeUpdated {
            #[event(entity_id, redact = hash)]
            employee_id: Uuid,
            #[event(entity_name)]
            full_name: String,
            #[event(order_by)]
            department: Option<Uuid>,
            manager: Option<String>,
            #[event(changes)]
            changes: Changes,
        }
    }));
}

#[test]
fn event_enum() {
    assert_expansion!(event(quote! {
        #[event(entity = "Invoice", action = "paid", describe = "{action} {{{entity}}}")]
        enum Payment {
            #[event(describe = "{action} {0} with {1:>4}, that is {entity_id}")]
            Transfer(#[event(entity_id)] Uuid, u8),
            Card { #[event(entity_id, redact)] r#type: Option<String>, #[event(redact)] number: u8 },
            Cash,
        }
    }));
}

#[test]
fn command_with_every_option() {
    assert_expansion!(command(quote! {
        #[command(
            name = "employee.create", output = Employee, error = errors::CreateEmployeeError,
            requires = ["employees:write", "payroll:read"], idempotent
        )]
        pub struct CreateEmployee { pub full_name: String }
    }));
}

#[test]
fn service_offered_as_a_trait() {
    assert_expansion!(injectable(quote! {
        #[injectable(as = dyn EmployeeRepository)]
        pub struct InMemoryEmployees {
            events: EventBus,
            #[inject(name = "primary")]
            pool: Pool,
            #[inject(default)]
            cache: Cache,
        }
    }));
}

#[test]
fn events_handler_with_every_option() {
    assert_expansion!(events_handler(
        quote! {
            EmployeeCreated, tasks::TaskCreated, name = "hr.notify",
            retry(attempts = 10, max = "5m", jitter = none), timeout = none, concurrency = 1, order = "tenant",
            rate = "100/m", breaker(failures = 3, count = "all"), batch(max = 500, across_tenants),
            start = "beginning",
        },
        quote!(
            struct NotifyManagers;
        ),
    ));
}

#[test]
fn events_handler_with_exact_waits() {
    assert_expansion!(events_handler(
        quote! {
            EmployeeCreated, retry(waits = ["1s", "1m"], never = [mail::InvalidAddress, ParseIntError]),
            deliver_within = "1h", dead_letters = "discard"
        },
        quote!(
            struct SendWelcomeEmail;
        ),
    ));
}

#[test]
fn events_handler_in_transactions() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated, tasks::TaskCreated, transactional),
        quote!(
            struct CountHeads;
        ),
    ));
}

#[test]
fn events_handler_that_is_transient() {
    assert_expansion!(events_handler(
        quote!(*, transient),
        quote!(
            struct Progress;
        ),
    ));
}

#[test]
fn command_handler_in_a_transaction() {
    assert_expansion!(command_handler(
        quote!(CreateEmployee, transactional),
        quote!(
            struct CreateEmployeeHandler;
        ),
    ));
}

#[test]
fn command_handler_that_is_retried() {
    assert_expansion!(command_handler(
        quote!(CreateEmployee, retry(attempts = 3, when = errors::is_busy)),
        quote!(
            struct CreateEmployeeHandler;
        ),
    ));
}

#[test]
fn query_handler_with_defaults() {
    assert_expansion!(query_handler(
        quote!(FindEmployee),
        quote! {
            /// Looks them up.
            #[derive(Debug)]
            #[allow(deprecated)]
            struct FindEmployeeHandler { directory: Arc<Directory> }
        },
    ));
}

#[test]
fn a_mistake_leaves_the_struct_and_what_depends_on_it() {
    assert_expansion!(events_handler(
        quote!(EmployeeCreated, concurrency = 0),
        quote! {
            #[derive(Debug, Injectable)]
            struct SendWelcomeEmail { #[inject(default)] sent: AtomicU64 }
        },
    ));
}

#[test]
fn function_that_handles_an_event() {
    assert_expansion!(events_handler(
        quote!(retry(attempts = 3)),
        quote! {
            /// Welcomes.
            pub async fn send_welcome_email(
                event: &EmployeeCreated,
                ctx: &Context,
                email: &dyn EmailService,
                #[inject(name = "hr")] config: &Config,
                events: EventBus,
            ) -> HandlerResult {
                Ok(())
            }
        }
    ));
}

#[test]
fn function_that_executes_a_command_in_a_transaction() {
    assert_expansion!(command_handler(
        quote!(),
        quote! {
            async fn create_employee(
                CreateEmployee { name }: CreateEmployee,
                tx: &mut SqliteTransaction,
            ) -> Result<Employee, CreateEmployeeError> {
                Ok(Employee { name })
            }
        }
    ));
}

#[test]
fn provider() {
    assert_expansion!(crate::expand::provider::annotate(
        quote!(name = "primary"),
        &quote! {
            async fn database(config: &Config) -> Result<Database, Error> {
                Database::connect(config).await
            }
        }
    ));
}

#[test]
fn every_kind_of_service() {
    assert_expansion!(injectable(quote! {
        #[injectable(as = dyn Rule, name = "late")]
        struct Late {
            mailer: Option<Arc<dyn Mailer>>,
            rules: Vec<Arc<dyn Other>>,
            #[inject(name = "backup")]
            backup: Option<Arc<dyn Mailer>>,
        }
    }));
}

#[test]
fn the_core_elsewhere() {
    let krate = "use platform::cqrs::macro_support as __cqrs;";
    let item = quote!(
        struct S;
    );
    let option = quote!(crate = "platform::cqrs");
    for generated in [
        event(quote!(#[event(#option)] #item)),
        command(quote!(#[command(#option)] #item)),
        query(quote!(#[query(output = u8, #option)] #item)),
        injectable(quote!(#[injectable(#option)] #item)),
        events_handler(quote!(E, #option), item.clone()),
        // A mistake leaves what depends on the item.
        events_handler(quote!(E, nmae = 1, #option), item),
        crate::expand::provider::annotate(
            option,
            &quote!(
                fn f() -> u8 {
                    1
                }
            ),
        ),
    ] {
        let text = pretty(generated);
        assert!(text.contains(krate), "{text}");
    }
}

#[test]
fn the_events_of_a_trait() {
    assert_expansion!(event(quote! {
        #[event(as = dyn EmployeeEvent)]
        struct EmployeeCreated;
    }));
}

#[test]
fn query_that_is_answered_with_a_stream() {
    assert_expansion!(query(quote! {
        #[query(stream = Employee)]
        struct ExportEmployees;
    }));
    assert_expansion!(query_handler(
        quote!(timeout = "10m"),
        quote! {
            async fn export(_: ExportEmployees, rows: &mut Rows<Employee>) -> Result<(), HandlerError> {
                Ok(())
            }
        }
    ));
}
