//! Where redacted fields stand in JSON, for every form serde can give a type.
//! `tests/redactions_match_serde.rs` proves the same against serde itself.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, event, pretty};

/// The pointers of all redactions, with a `?` after those that may be absent, with their kind if they
/// do not mask, and with the field whose changes are meant.
fn pointers(input: TokenStream) -> Vec<String> {
    let code: String = pretty(event(input)).split_whitespace().collect();
    let calls = code.split("__cqrs::Redaction::").skip(1);
    let pointers = calls.map(|call| {
        let (kind, rest) = call.split_once('(').expect("a call");
        let (pointer, rest) = rest.split_once(')').expect("a closing parenthesis");
        let kind = if kind == "mask" { String::new() } else { format!("{kind} ") };
        let pointer = pointer.trim_end_matches(',').trim_matches('"');
        let optional = if rest.starts_with(".optional()") { "?" } else { "" };
        let rest = rest.strip_prefix(".optional()").unwrap_or(rest);
        let field = rest.strip_prefix(".changes_of(\"").and_then(|rest| rest.split('"').next());
        let field = field.map(|field| format!(" of {field}")).unwrap_or_default();
        format!("{kind}{pointer}{optional}{field}")
    });
    pointers.collect()
}

#[test]
fn structs() {
    assert_eq!(
        pointers(quote!(
            struct E {
                a: u8,
                #[event(redact)]
                b: u8,
                #[event(redact)]
                r#type: u8,
            }
        )),
        ["/b", "/type"]
    );
    assert_eq!(
        pointers(quote!(
            struct E(#[event(redact)] u8);
        )),
        [""]
    );
    assert_eq!(
        pointers(quote!(
            struct E(
                #[serde(skip)]
                #[event(redact)]
                u8,
            );
        )),
        [""]
    );
    assert_eq!(
        pointers(quote!(
            struct E(u8, #[event(redact)] u8);
        )),
        ["/1"]
    );
    assert_eq!(
        pointers(quote!(
            struct E(#[serde(skip)] u8, #[event(redact)] u8);
        )),
        ["/0"]
    );
    assert_eq!(
        pointers(quote!(
            #[serde(transparent)]
            struct E {
                #[event(redact)]
                a: u8,
            }
        )),
        [""]
    );
    assert_eq!(
        pointers(quote!(
            #[serde(transparent)]
            struct E {
                a: u8,
                #[event(redact)]
                #[serde(skip)]
                b: u8,
            }
        )),
        [""; 0]
    );
}

#[test]
fn renamed_fields() {
    assert_eq!(
        pointers(quote!(
            #[serde(rename_all = "camelCase")]
            struct E {
                #[event(redact)]
                home_address: u8,
                #[event(redact)]
                #[serde(rename = "e/mail~1")]
                email: u8,
                #[event(redact)]
                #[serde(rename(serialize = "out", deserialize = "in"))]
                other: u8,
                #[event(redact)]
                #[serde(rename(deserialize = "in2"))]
                last_one: u8,
            }
        )),
        ["/homeAddress", "/e~1mail~01", "/out", "/lastOne"]
    );
    assert_eq!(
        pointers(quote!(
            #[serde(rename_all(serialize = "kebab-case", deserialize = "camelCase"))]
            struct E {
                #[event(redact)]
                home_address: u8,
            }
        )),
        ["/home-address"]
    );
}

#[test]
fn fields_that_are_skipped() {
    assert_eq!(
        pointers(quote!(
            struct E {
                #[event(redact)]
                #[serde(skip)]
                a: u8,
                #[event(redact)]
                #[serde(skip_serializing)]
                b: u8,
                #[event(redact)]
                #[serde(skip_deserializing)]
                c: u8,
                #[event(redact)]
                #[serde(skip_serializing_if = "Option::is_none")]
                d: Option<u8>,
            }
        )),
        ["/c", "/d?"]
    );
}

fn variants() -> TokenStream {
    quote! {
        enum E {
            NewType(#[event(redact)] u8),
            TwoParts(u8, #[event(redact)] u8),
            #[serde(rename = "named", rename_all = "UPPERCASE")]
            Named { #[event(redact)] home_address: u8 },
            Plain { #[event(redact)] home_address: u8 },
            Unit,
            #[serde(skip)]
            Skipped { #[event(redact)] a: u8 },
            Empty(#[event(redact)] #[serde(skip)] u8),
        }
    }
}

#[test]
fn enums() {
    let variants = variants();
    assert_eq!(
        pointers(quote!(#variants)),
        ["/NewType", "/TwoParts/1", "/named/HOME_ADDRESS", "/Plain/home_address"]
    );
    assert_eq!(
        pointers(quote!(
            #[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
            #variants
        )),
        ["/new_type", "/two_parts/1", "/named/HOME_ADDRESS", "/plain/homeAddress"]
    );
    assert_eq!(
        pointers(quote!(#[serde(tag = "t", content = "c")] #variants)),
        ["/c", "/c/1", "/c/HOME_ADDRESS", "/c/home_address"]
    );
    assert_eq!(
        pointers(quote!(#[serde(untagged)] #variants)),
        ["", "/1", "/HOME_ADDRESS", "/home_address"]
    );
    assert_eq!(
        pointers(quote!(
            #[serde(tag = "t")]
            enum E {
                A {
                    #[event(redact)]
                    b: u8,
                },
                #[serde(untagged)]
                C(#[event(redact)] u8),
            }
        )),
        ["/b", ""]
    );
}

#[test]
fn where_serde_hides_the_place_redact_is_refused() {
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(redact)]
                #[serde(flatten)]
                a: A,
            }
        )),
        "`redact` cannot be combined with `#[serde(flatten)]`, because serde writes the field's \
         content among the event's other fields: remove `flatten`, or write the fields to redact in the \
         event itself",
    );
    for (option, name) in [(quote!(into = "Wire"), "into"), (quote!(remote = "Wire"), "remote")] {
        assert_one_mistake(
            event(quote!(
                #[serde(#option)]
                struct E {
                    #[event(redact)]
                    a: A,
                    #[event(redact)]
                    b: A,
                }
            )),
            &format!(
                "`redact` cannot look through `#[serde({name} = ..)]`: derive `Event` for a type \
                 that is written field by field"
            ),
        );
    }
    assert_one_mistake(
        event(quote!(
            #[serde(tag = "t")]
            enum E {
                A(#[event(redact)] A),
            }
        )),
        "`redact` cannot follow the only field of a variant in an enum with `#[serde(tag = ..)]`, \
         because serde writes its content beside the tag: name the field, or add `content = \"..\"`",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                #[serde(with = "wire")]
                A {
                    #[event(redact)]
                    a: A,
                },
            }
        )),
        "`redact` cannot look into a variant that `#[serde(with = ..)]` writes: put `with` on the \
         field instead",
    );
    assert_one_mistake(
        event(quote!(
            struct E(
                #[serde(skip_serializing_if = "Option::is_none")] Option<u8>,
                #[event(redact)] u8,
            );
        )),
        "the position of this field depends on an earlier one that `skip_serializing_if` may leave \
         out: give the fields names",
    );
}

#[test]
fn kinds() {
    assert_eq!(
        pointers(quote!(
            struct E {
                #[event(redact = mask)]
                a: u8,
                #[event(redact = hash)]
                b: u8,
                #[event(redact = drop)]
                #[serde(skip_serializing_if = "Option::is_none")]
                c: Option<u8>,
            }
        )),
        ["/a", "hash /b", "drop /c?"]
    );
    let unknown = |kind: TokenStream, hint: &str| {
        let message = format!(
            "unknown redaction `{kind}`{hint} (`redact` takes `mask`, `hash` and `drop`; `redact` \
             alone is `redact = mask`)"
        );
        assert_one_mistake(
            event(quote!(
                struct E(#[event(redact = #kind)] u8);
            )),
            &message,
        );
    };
    unknown(quote!(hsah), ", did you mean `hash`?");
    unknown(quote!(encrypt), "");
    for (value, message) in [
        (quote!(= "hash"), "`redact` takes `mask`, `hash` or `drop`, such as `redact = hash`"),
        (quote!(= ), "`redact` takes `mask`, `hash` or `drop`, such as `redact = hash`"),
        (quote!((hash)), "`redact` needs a value, such as `redact = hash`"),
    ] {
        assert_one_mistake(
            event(quote!(
                struct E(#[event(redact #value)] u8);
            )),
            message,
        );
    }
}

#[test]
fn changes_of_redacted_fields() {
    assert_eq!(
        pointers(quote!(
            #[serde(rename_all = "camelCase")]
            struct E {
                #[event(redact = hash)]
                home_address: u8,
                #[event(redact)]
                #[serde(rename = "mail")]
                email: u8,
                #[event(redact = drop)]
                #[serde(skip)]
                token: u8,
                #[event(changes)]
                #[serde(skip_serializing_if = "Option::is_none")]
                what_changed: Option<Changes>,
            }
        )),
        [
            "hash /homeAddress",
            "/mail",
            "hash /whatChanged? of home_address",
            "/whatChanged? of email",
            "/whatChanged? of mail",
            "drop /whatChanged? of token",
        ]
    );
    assert_eq!(
        pointers(quote!(
            enum E {
                Hired {
                    #[event(redact)]
                    email: u8,
                },
                Updated {
                    #[event(changes)]
                    changes: Changes,
                },
                Moved(#[event(changes)] Changes),
            }
        )),
        ["/Hired/email", "/Updated/changes of email", "/Moved of email"]
    );
    assert_eq!(
        pointers(quote!(
            struct E {
                a: u8,
                #[event(changes, redact = drop)]
                changes: Changes,
            }
        )),
        ["drop /changes", "drop /changes of "]
    );
    assert_eq!(
        pointers(quote!(
            struct E {
                #[event(redact)]
                a: u8,
                #[event(changes)]
                #[serde(skip)]
                changes: Changes,
            }
        )),
        ["/a", "/changes? of a"]
    );
    assert_eq!(
        pointers(quote!(
            struct E {
                a: u8,
                #[event(changes)]
                changes: Changes,
            }
        )),
        [""; 0]
    );
}

#[test]
fn changes_whose_secrets_cannot_be_found_are_refused() {
    assert_one_mistake(
        event(quote!(
            struct E(#[event(redact)] u8, #[event(changes)] Changes);
        )),
        "the changes of a redacted field are found by its name: give the event's fields names",
    );
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(redact)]
                a: u8,
                #[event(changes)]
                #[serde(flatten)]
                changes: Changes,
            }
        )),
        "`changes` cannot be combined with `#[serde(flatten)]`, because serde writes the field's \
         content among the event's other fields: remove `flatten`",
    );
    assert_one_mistake(
        event(quote!(
            #[serde(tag = "t")]
            enum E {
                A {
                    #[event(redact)]
                    a: u8,
                },
                B(#[event(changes)] Changes),
            }
        )),
        "`changes` cannot follow the only field of a variant in an enum with `#[serde(tag = ..)]`, \
         because serde writes its content beside the tag: name the field, or add `content = \"..\"`",
    );
}
