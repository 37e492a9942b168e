//! `#[injectable(..)]` on a service and `#[inject(..)]` on its fields.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Meta, Path, Type, token};

use crate::attr::{krate, options, value};
use crate::error::Errors;

const AS_EXAMPLE: &str = "as = dyn EmployeeRepository";

/// The options of a service.
#[derive(Default)]
pub(crate) struct ServiceOptions {
    /// The traits as which it is also offered.
    pub(crate) aliases: Vec<Type>,
    /// The name under which it is offered as these traits.
    pub(crate) name: Option<LitStr>,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
}

/// Reads `as = dyn A`, which may be repeated, `as(dyn A, dyn B)`, and `name = ".."`.
pub(crate) fn read_service(attrs: &[Attribute], errors: &mut Errors) -> ServiceOptions {
    let ServiceOptions { mut aliases, mut name, mut krate } = ServiceOptions::default();
    let if_empty =
        "`#[injectable]` needs an option, such as `#[injectable(as = dyn EmployeeRepository)]`";
    options::read_all(attrs, "injectable", if_empty, errors, |key, input, errors| {
        if krate::read(key, input, &mut krate)? {
            return Ok(());
        }
        if key == "name" {
            return options::set(&mut name, key, service_name(key, input)?);
        }
        if key != "as" {
            return Err(options::unknown(key, "`#[injectable(..)]`", &["as", "name", "crate"]));
        }
        self::aliases(key, AS_EXAMPLE, input, &mut aliases, errors)
    });
    if let Some(name) = name.as_ref().filter(|_| aliases.is_empty()) {
        errors.on(
            name.span(),
            "a name tells services of one type apart: say as what it is offered, such as \
             `as = dyn EmployeeRepository`",
        );
    }
    ServiceOptions { aliases, name, krate }
}

/// Reads the name of a service.
pub(crate) fn service_name(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let name = value::string(key, "name = \"primary\"", input)?;
    if name.value().trim().is_empty() {
        let message = "`name` is empty: write a name, or leave the option out";
        return Err(syn::Error::new(name.span(), message));
    }
    Ok(name)
}

/// Reads `= dyn A` or `(dyn A, dyn B)`.
pub(crate) fn aliases(
    key: &Ident,
    example: &str,
    input: ParseStream<'_>,
    aliases: &mut Vec<Type>,
    errors: &mut Errors,
) -> syn::Result<()> {
    if input.peek(token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        options::separated(&content, errors, |content, _| alias(content.parse()?, aliases));
        return Ok(());
    }
    alias(value::ty(key, example, input)?, aliases)
}

fn alias(ty: Type, aliases: &mut Vec<Type>) -> syn::Result<()> {
    if !matches!(ty, Type::TraitObject(_)) {
        let message = "an alias is a trait object: write `as = dyn Trait`";
        return Err(syn::Error::new_spanned(ty, message));
    }
    if aliases.contains(&ty) {
        return Err(syn::Error::new_spanned(ty, "this trait is named twice: keep one"));
    }
    aliases.push(ty);
    Ok(())
}

/// The source of a field's value.
#[derive(Default)]
pub(crate) enum Source {
    /// The service of the field's type.
    #[default]
    Type,
    /// The service of the field's type that was provided under this name.
    Named(LitStr),
    /// `Default::default()`; nothing is injected.
    Default,
    /// The source of a function's parameter `&T`: the service of the type `Arc<T>` or `T`, with its name if it has one.
    Reference(Option<LitStr>),
}

/// Reads `#[inject(..)]` on a field.
pub(crate) fn read_source(attrs: &[Attribute], errors: &mut Errors) -> Source {
    let mut default: Option<Ident> = None;
    let mut name: Option<LitStr> = None;
    let if_empty = "a field is injected without `#[inject]`: remove it, or write \
                    `#[inject(default)]` or `#[inject(name = \"..\")]`";
    options::read_all(attrs, "inject", if_empty, errors, |key, input, _| {
        if key == "default" {
            value::none(key, input)?;
            options::set(&mut default, key, key.clone())
        } else if key == "name" {
            options::set(&mut name, key, service_name(key, input)?)
        } else {
            Err(options::unknown(key, "`#[inject(..)]`", &["default", "name"]))
        }
    });
    match (default, name) {
        (Some(default), Some(_)) => {
            errors.on(
                default.span(),
                "a field is either made by `Default` or injected by name: keep `default` or `name`",
            );
            Source::Default
        }
        (Some(_), None) => Source::Default,
        (None, Some(name)) => Source::Named(name),
        (None, None) => Source::Type,
    }
}

/// Reads `#[inject(name = "..")]` on a parameter of a handler function.
pub(crate) fn read_parameter(
    attrs: &[Attribute],
    by_reference: bool,
    errors: &mut Errors,
) -> Source {
    let is_bare =
        |attr: &&Attribute| matches!(&attr.meta, Meta::Path(path) if path.is_ident("inject"));
    if let Some(attr) = attrs.iter().find(is_bare) {
        errors.on_tokens(
            &attr.meta,
            "a parameter is injected without `#[inject]`: remove it, or write `#[inject(name = \"..\")]`",
        );
        return Source::Type;
    }
    match read_source(attrs, errors) {
        Source::Type if by_reference => Source::Reference(None),
        Source::Named(name) if by_reference => Source::Reference(Some(name)),
        Source::Default => {
            let attr = attrs.iter().find(|attr| attr.path().is_ident("inject"));
            errors.on_tokens(
                attr,
                "a parameter is a service: remove `default`, and make the value in the function",
            );
            Source::Type
        }
        source => source,
    }
}

/// Refuses `#[injectable(..)]` on a field.
pub(crate) fn none_on_field(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("injectable")) {
        errors.on_tokens(
            &attr.meta,
            "`#[injectable(..)]` belongs on the type; on a field, write `#[inject(..)]`",
        );
    }
}

/// Refuses `#[inject(..)]` on the type.
pub(crate) fn none_on_type(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("inject")) {
        errors.on_tokens(
            &attr.meta,
            "`#[inject(..)]` belongs on a field; on the type, write `#[injectable(..)]`",
        );
    }
}
