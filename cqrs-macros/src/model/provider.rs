//! A provider: a function that makes a service.

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::parse::Parser as _;
use syn::{ItemFn, LitStr, Path, ReturnType, Type};

use crate::attr::{injectable, krate, options};
use crate::error::Errors;
use crate::model::function::{self, Argument};
use crate::model::injection::{Injection, argument_of};

/// A checked provider.
pub(crate) struct Provider<'a> {
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
    /// The name under which the service is offered.
    pub(crate) name: Option<LitStr>,
    pub(crate) arguments: Vec<Argument<'a>>,
    pub(crate) injection: Injection<'a>,
    /// The type of the service; `None` after a mistake.
    pub(crate) service: Option<&'a Type>,
    /// Whether the function returns a `Result` with the service.
    pub(crate) can_fail: bool,
}

impl<'a> Provider<'a> {
    pub(crate) fn read(args: TokenStream, item: &'a ItemFn, errors: &mut Errors) -> Self {
        let (mut name, mut krate) = (None, None);
        let parsed = (|input: ParseStream<'_>| {
            options::read_list(input, errors, |key, input, _| {
                if krate::read(key, input, &mut krate)? {
                    return Ok(());
                }
                if key == "name" {
                    return options::set(&mut name, key, injectable::service_name(key, input)?);
                }
                Err(options::unknown(key, "`#[provider(..)]`", &["name", "crate"]))
            });
            Ok(())
        })
        .parse2(args);
        errors.keep(parsed);
        function::not_generic(item, errors);
        let (arguments, injection) = function::read_services(item, errors);
        let returned = match &item.sig.output {
            ReturnType::Type(_, ty) => Some(&**ty),
            ReturnType::Default => {
                errors.on(
                    item.sig.ident.span(),
                    "a provider returns a service: add `-> Database` or `-> Result<Database, Error>`",
                );
                None
            }
        };
        let fallible = returned.and_then(|ty| argument_of("Result", ty));
        let can_fail = fallible.is_some();
        Self { krate, name, arguments, injection, service: fallible.or(returned), can_fail }
    }
}
