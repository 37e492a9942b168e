//! What `#[derive(Command)]` and `#[derive(Query)]` say about mistakes.

use quote::quote;

use super::{assert_one_mistake, command, query, query_handler};

#[test]
fn a_query_without_output() {
    assert_one_mistake(
        query(quote!(
            struct FindEmployee;
        )),
        "a query answers with a value: name its type with `#[query(output = ..)]`",
    );
}

#[test]
fn names() {
    let error = "\"Create\" cannot be a message's name: write words of lower-case ASCII letters, \
                 digits, `-` and `_`, each starting with a letter and joined by dots, such as \
                 `name = \"employee.created\"`";
    assert_one_mistake(
        command(quote!(
            #[command(name = "Create")]
            struct C;
        )),
        error,
    );
}

#[test]
fn types_that_are_not_types() {
    for output in [quote!("Employee"), quote!(5), quote!()] {
        assert_one_mistake(
            command(quote!(
                #[command(output = #output)]
                struct C;
            )),
            "`output` takes a type, such as `output = Employee`",
        );
    }
    assert_one_mistake(
        query(quote!(
            #[query(output = u8, error = HashMap<u8, 5 5>)]
            struct Q;
        )),
        "`error` takes a type, such as `error = CreateEmployeeError`",
    );
    assert_one_mistake(
        query(quote!(
            #[query(output)]
            struct Q;
        )),
        "`output` needs a value, such as `output = Employee`",
    );
}

#[test]
fn options_that_are_unknown_repeated_or_misplaced() {
    assert_one_mistake(
        command(quote!(
            #[command(ouput = u8)]
            struct C;
        )),
        "unknown option `ouput`, did you mean `output`? (`#[command(..)]` takes `name`, `output`, \
         `error`, `requires`, `json`, `idempotent` and `crate`)",
    );
    assert_one_mistake(
        command(quote!(
            #[command(idempotnt)]
            struct C;
        )),
        "unknown option `idempotnt`, did you mean `idempotent`? (`#[command(..)]` takes `name`, `output`, \
         `error`, `requires`, `json`, `idempotent` and `crate`)",
    );
    assert_one_mistake(
        command(quote!(
            #[command(output = u8, output = u8)]
            struct C;
        )),
        "`output` is given twice: keep one",
    );
    assert_one_mistake(
        command(quote!(
            struct C {
                #[command(name = "a")]
                a: u8,
            }
        )),
        "`#[command(..)]` belongs on the type, not on a variant or a field",
    );
    assert_one_mistake(
        query(quote!(
            #[query(output = u8)]
            enum Q {
                #[query(output = u8)]
                A,
            }
        )),
        "`#[query(..)]` belongs on the type, not on a variant or a field",
    );
    assert_one_mistake(
        command(quote!(
            #[command]
            struct C;
        )),
        "`#[command]` needs an option, such as `#[command(output = Employee)]`",
    );
}

#[test]
fn permissions_that_are_not_permissions() {
    for requires in [quote!(5), quote!(admin), quote!(["a", 5]), quote!()] {
        assert_one_mistake(
            command(quote!(
                #[command(requires = #requires)]
                struct C;
            )),
            "`requires` takes a permission, a list of permissions or `none`, such as \
             `requires = \"employees:write\"`",
        );
    }
    assert_one_mistake(
        command(quote!(
            #[command(requires)]
            struct C;
        )),
        "`requires` needs a value, such as `requires = \"employees:write\"`",
    );
    assert_one_mistake(
        command(quote!(
            #[command(requires = [])]
            struct C;
        )),
        "`requires` is empty: write `requires = none` if no permission is needed",
    );
    assert_one_mistake(
        query(quote!(
            #[query(output = u8, requires = ["a", " "])]
            struct Q;
        )),
        "a permission is empty: write its name, such as `requires = \"employees:write\"`, or `requires = none` if no permission is \
         needed",
    );
}

#[test]
fn types_that_cannot_be_messages() {
    assert_one_mistake(
        command(quote!(
            struct C<T>(T);
        )),
        "a command's name identifies one type, so a command cannot be generic: write one type for each command",
    );
    assert_one_mistake(
        query(quote!(
            struct Q<T>(T);
        )),
        "a query's name identifies one type, so a query cannot be generic: write one type for each query",
    );
    assert_one_mistake(
        command(quote!(union C { a: u8 })),
        "a command is a struct or an enum, not a union",
    );
}

#[test]
fn an_unknown_option_of_a_query() {
    assert_one_mistake(
        query(quote!(
            #[query(output = u64, errors = Refused)]
            struct Q;
        )),
        "unknown option `errors`, did you mean `error`? (`#[query(..)]` takes `name`, `output`, \
         `stream`, `error`, `requires` and `crate`)",
    );
}

#[test]
fn the_path_of_the_core() {
    assert_one_mistake(
        command(quote!(
            #[command(crate = "platform cqrs")]
            struct C;
        )),
        "`crate` is the path of `cqrs_core`, such as `crate = \"platform::cqrs\"`",
    );
    assert_one_mistake(
        command(quote!(
            #[command(crate = platform::cqrs)]
            struct C;
        )),
        "`crate` takes a string, such as `crate = \"platform::cqrs\"`",
    );
}

#[test]
fn one_answer_or_a_stream() {
    assert_one_mistake(
        query(quote!(
            #[query(output = u8, stream = u8)]
            struct Q;
        )),
        "a query answers with one value or with a stream: keep `output` or `stream`",
    );
    assert_one_mistake(
        query_handler(
            quote!(stream),
            quote!(
                async fn f(q: Q) -> Result<(), HandlerError> {
                    Ok(())
                }
            ),
        ),
        "a function that answers with a stream sends its rows: add `rows: &mut Rows<Row>`",
    );
}
