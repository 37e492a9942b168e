//! What the annotations say about mistakes in a handler function.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, command_handler, events_handler, query_handler};

#[track_caller]
fn assert_event_mistake(args: TokenStream, item: TokenStream, expected: &str) {
    assert_one_mistake(events_handler(args, item), expected);
}

#[test]
fn the_message_is_the_first_parameter() {
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f() -> HandlerResult {
                Ok(())
            }
        ),
        "the first parameter is the event: write `event: &EmployeeCreated`",
    );
    assert_one_mistake(
        command_handler(
            quote!(),
            quote!(
                async fn f() -> Result<(), HandlerError> {
                    Ok(())
                }
            ),
        ),
        "the first parameter is the command: write `command: CreateEmployee`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "all handlers of an event share it: write `event: &TaskCreated`",
    );
    assert_one_mistake(
        query_handler(
            quote!(),
            quote!(
                async fn f(query: &Find) -> Result<u8, HandlerError> {
                    Ok(1)
                }
            ),
        ),
        "the first parameter is the query: write `query: Find`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &mut TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "the first parameter is the event: write `event: &TaskCreated`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: Arc<dyn TaskEvent>) -> HandlerResult {
                Ok(())
            }
        ),
        "all handlers of an event share it: write `event: &dyn TaskEvent`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(ctx: &Context, event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "the first parameter is the event: write `event: &EmployeeCreated`",
    );
    assert_event_mistake(
        quote!(TaskCreated),
        quote!(
            async fn f(event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "the event of a function is the type of its first parameter: remove it here",
    );
    assert_event_mistake(
        quote!(*),
        quote!(
            async fn f(event: &AnyEvent) -> HandlerResult {
                Ok(())
            }
        ),
        "the event of a function is the type of its first parameter: remove it here",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(&self, event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "a function that is annotated is not a method: write it outside of the `impl`, and take services as parameters",
    );
}

#[test]
fn batches() {
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(batch: &Batch<TaskCreated>) -> HandlerResult {
                Ok(())
            }
        ),
        "a handler of batches says how large they are: add `batch(max = 500)` to the annotation",
    );
    assert_event_mistake(
        quote!(batch(max = 5)),
        quote!(
            async fn f(event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "`batch(..)` gives many events at once: write `batch: &Batch<TaskCreated>`",
    );
}

#[test]
fn transactions() {
    assert_event_mistake(
        quote!(transactional),
        quote!(
            async fn f(event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "a `transactional` function takes the transaction: add `tx: &mut SqliteTransaction`, or that of your store",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, a: &mut Tx, b: &mut Tx) -> HandlerResult {
                Ok(())
            }
        ),
        "the `&mut` parameter is the transaction, and a handler has one: keep one",
    );
    assert_one_mistake(
        query_handler(
            quote!(),
            quote!(
                async fn f(query: Find, tx: &mut Tx) -> Result<u8, HandlerError> {
                    Ok(1)
                }
            ),
        ),
        "a query changes nothing, so it gets nothing to change: write `&` instead of `&mut`",
    );
    for transaction in [quote!(SqliteTransaction), quote!(&SqliteTransaction)] {
        let right = "a transaction is taken by `&mut`: write `tx: &mut SqliteTransaction`";
        assert_event_mistake(
            quote!(),
            quote!(async fn f(event: &TaskCreated, tx: #transaction) -> HandlerResult { Ok(()) }),
            right,
        );
        assert_one_mistake(
            command_handler(
                quote!(transactional),
                quote!(async fn f(c: Create, tx: #transaction) -> Result<(), HandlerError> { Ok(()) }),
            ),
            right,
        );
        assert_one_mistake(
            query_handler(
                quote!(),
                quote!(async fn f(query: Find, tx: #transaction) -> Result<u8, HandlerError> { Ok(1) }),
            ),
            "a query changes nothing, so it gets no transaction: remove this parameter",
        );
    }
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, tx: sqlx::Transaction<'_, Sqlite>) -> HandlerResult {
                Ok(())
            }
        ),
        "the transaction is one of the store: write `tx: &mut SqliteTransaction`, or that of your store",
    );
    assert_event_mistake(
        quote!(transient),
        quote!(
            async fn f(event: &TaskCreated, tx: &mut Tx) -> HandlerResult {
                Ok(())
            }
        ),
        "a `transient` handler gets its events from memory, where nothing is exactly once: remove \
         `transient` or `transactional`",
    );
}

#[test]
fn signatures() {
    assert_event_mistake(
        quote!(),
        quote!(
            fn welcome(event: &TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "a handler function is asynchronous: write `async fn welcome`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn welcome(event: &TaskCreated) {}
        ),
        "a handler says whether it succeeded: add `-> HandlerResult`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f<E: Event>(event: &E) -> HandlerResult {
                Ok(())
            }
        ),
        "a handler is registered as one type, so its function cannot be generic: write one function for each type",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f<'a>(event: &'a TaskCreated) -> HandlerResult {
                Ok(())
            }
        ),
        "the handler owns its services and lends them to the function: remove the lifetimes",
    );
    for error in [quote!(Box<dyn std::error::Error>), quote!(String), quote!(&'static str)] {
        assert_event_mistake(
            quote!(),
            quote!(async fn f(event: &TaskCreated) -> Result<(), #error> { Ok(()) }),
            "a handler fails with an error that `?` converts into a `HandlerError`: write `-> HandlerResult`, and \
             `.map_err(HandlerError::new)?` for a boxed error or a text",
        );
    }
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, ctx: Context) -> HandlerResult {
                Ok(())
            }
        ),
        "write `ctx: &Context`",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, (a, b): (A, B)) -> HandlerResult {
                Ok(())
            }
        ),
        "an injected parameter has a plain name, which reports show",
    );
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, #[inject(default)] a: A) -> HandlerResult {
                Ok(())
            }
        ),
        "a parameter is a service: remove `default`, and make the value in the function",
    );
}

#[test]
fn types_that_are_no_services() {
    for (parameter, right) in [
        (quote!(a: dyn Mailer), "a: &dyn Mailer"),
        (quote!(a: &impl Mailer), "a: &dyn Mailer"),
        (quote!(a: &Vec<Arc<dyn Rule>>), "a: Vec<Arc<dyn Rule>>"),
        (quote!(a: &[Arc<dyn Rule>]), "a: Vec<Arc<dyn Rule>>"),
        (quote!(a: Option<&dyn Mailer>), "a: Option<Arc<dyn Mailer>>"),
    ] {
        assert_event_mistake(
            quote!(),
            quote!(async fn f(event: &TaskCreated, #parameter) -> HandlerResult { Ok(()) }),
            &format!("a service is injected by its type: write `{right}`"),
        );
    }
    for (parameter, why) in [
        (quote!(ctx: &mut Context), "write `ctx: &Context`"),
        (
            quote!(a: &mut dyn Mailer),
            "the `&mut` parameter is the store's transaction: for a service, write `&dyn Mailer`",
        ),
        (
            quote!(tx: &mut Transaction<'_, Sqlite>),
            "the transaction is one of the store: write `tx: &mut SqliteTransaction`, or that of your store",
        ),
    ] {
        let item = quote!(async fn f(event: &TaskCreated, #parameter) -> HandlerResult { Ok(()) });
        assert_event_mistake(quote!(), item, why);
    }
    assert_event_mistake(
        quote!(),
        quote!(
            async fn f(event: &TaskCreated, #[inject] a: &A) -> HandlerResult {
                Ok(())
            }
        ),
        "a parameter is injected without `#[inject]`: remove it, or write `#[inject(name = \"..\")]`",
    );
}

#[test]
fn parameters_have_no_condition() {
    let refused = "a parameter of an annotated function has no condition: write the function twice, each with its own `cfg`";
    for condition in [quote!(#[cfg(unix)]), quote!(#[cfg_attr(unix, inject(name = "a"))])] {
        let item = quote!(
            async fn f(event: &TaskCreated, #condition events: EventBus) -> HandlerResult {
                Ok(())
            }
        );
        assert_event_mistake(quote!(), item, refused);
    }
}
