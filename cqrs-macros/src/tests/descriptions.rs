//! What `describe = ".."` says about mistakes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, event, mistakes};

fn struct_with(template: &str) -> TokenStream {
    event(quote! {
        #[event(entity = "Employee", describe = #template)]
        struct E {
            #[event(entity_id, redact)]
            id: u64,
            full_name: String,
            #[event(redact)]
            email: String,
            manager: Option<String>,
            #[event(changes)]
            changes: Changes,
        }
    })
}

#[test]
fn templates_that_say_something_are_accepted() {
    for template in [
        "was created",
        "created {entity} {full_name}",
        "{{{full_name:>10}}}",
        "reports to {manager|nobody}, {manager|} and {manager:?}",
        "{ full_name }",
    ] {
        assert_eq!(mistakes(struct_with(template)), [""; 0], "{template}");
    }
}

#[test]
fn unknown_placeholders() {
    assert_one_mistake(
        struct_with("{fullname}"),
        "unknown placeholder `{fullname}`, did you mean `{full_name}`? (there are `entity`, `action`, \
         `entity_id`, `entity_name`, `id`, `full_name`, `email`, `manager` and `changes`)",
    );
    assert_one_mistake(
        event(quote!(
            #[event(describe = "{1}")]
            struct E(u8);
        )),
        "unknown placeholder `{1}`, did you mean `{0}`? (there are `entity`, `action`, `entity_id`, `entity_name` and `0`)",
    );
    assert_eq!(mistakes(struct_with("{a} {b}")).len(), 2);
}

#[test]
fn what_the_event_does_not_have() {
    assert_one_mistake(
        struct_with("{action}"),
        "the event has no action: write `action = \"..\"` beside `describe`, or leave `{action}` out",
    );
    assert_one_mistake(
        struct_with("{entity_name}"),
        "no field has `#[event(entity_name)]`: write it above one, or leave `{entity_name}` out",
    );
    assert_one_mistake(
        event(quote!(
            #[event(describe = "{entity_id}")]
            enum E {
                A(#[event(entity_id)] u8),
                B,
                C,
            }
        )),
        "no field of `B` has `#[event(entity_id)]`: write it above one, or leave `{entity_id}` out",
    );
}

#[test]
fn secrets() {
    assert_one_mistake(
        struct_with("{email}"),
        "`email` is redacted, and a description is never redacted; leave `{email}` out",
    );
    assert_one_mistake(
        struct_with("{entity_id}"),
        "`id` is redacted, and a description is never redacted; leave `{entity_id}` out",
    );
    assert_one_mistake(
        struct_with("{changes}"),
        "the changes may contain `id`, which is redacted, and a description is never redacted; leave \
         `{changes}` out",
    );
}

#[test]
fn values_that_may_be_absent() {
    assert_one_mistake(
        struct_with("{manager}"),
        "`manager` may be absent: write a text for that case, such as `{manager|none}`, or \
         `{manager|}` for no text",
    );
    assert_one_mistake(
        struct_with("{full_name|nobody}"),
        "`full_name` is no `Option`, so it is always there: leave `|nobody` out",
    );
    assert_one_mistake(
        struct_with("{entity|thing}"),
        "`entity` is no `Option`, so it is always there: leave `|thing` out",
    );
    assert_one_mistake(
        struct_with("{manager|none:?}"),
        "`:?` shows an absent `manager` as `None`: leave `:?` or the text after `|` out",
    );
}

#[test]
fn templates_that_cannot_be_read() {
    for (template, message) in [
        ("", "`describe` is empty: write a text or leave the option out".to_owned()),
        (
            "a {full_name",
            "`{full_name` is not closed: write `{full_name}`, or `{{` for the character itself"
                .to_owned(),
        ),
        ("}", "a `}` has no `{`: write `}}` for the character itself".to_owned()),
        ("{}", "`{}` names nothing: write a field's name, such as `{full_name}`".to_owned()),
        (&"a".repeat(513), "`describe` has 513 bytes, at most 512 are allowed".to_owned()),
    ] {
        assert_one_mistake(struct_with(template), &message);
    }
    assert_one_mistake(
        event(quote!(
            #[event(describe = created)]
            struct E;
        )),
        "`describe` takes a string, such as `describe = \"created {entity} {full_name}\"`",
    );
}

#[test]
fn enums() {
    assert_one_mistake(
        event(quote!(
            #[event(describe = "paid with {number}")]
            enum E {
                Cash,
                Card { number: u8 },
                Voucher { number: u8 },
            }
        )),
        "`number` is a field of one variant: write `#[event(describe = \"..\")]` above the variants, \
         or leave `{number}` out",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                #[event(describe = "paid with {number}")]
                Cash,
                Card {
                    number: u8,
                },
            }
        )),
        "unknown placeholder `{number}` (there are `entity`, `action`, `entity_id` and `entity_name`)",
    );
}

#[test]
fn marks_that_contradict_each_other() {
    assert_one_mistake(
        event(quote!(
            struct E(#[event(entity_name, redact = hash)] u8);
        )),
        "an entity's name is shown to people, so it cannot be redacted: remove either `entity_name` \
         or `redact`",
    );
    assert_one_mistake(
        event(quote!(
            struct E(#[event(entity_name)] u8, #[event(entity_name)] u8);
        )),
        "an event is about one entity: `0` is its `entity_name` already",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                A {
                    #[event(changes)]
                    a: Changes,
                    #[event(changes)]
                    b: Changes,
                },
            }
        )),
        "an event has one list of changes: `a` is it already",
    );
}
