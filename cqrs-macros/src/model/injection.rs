//! How a service or a handler is built from its fields.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Fields, GenericArgument, Meta, PathArguments, Type,
    TypeParamBound, parse_quote,
};

use crate::attr::conditional;
use crate::attr::handler::Kind;
use crate::attr::injectable::{self, ServiceOptions, Source};
use crate::error::Errors;
use crate::validate;

/// A checked service.
pub(crate) struct Service<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) injection: Injection<'a>,
    pub(crate) options: ServiceOptions,
}

impl<'a> Service<'a> {
    /// Reads a service; `None` if there is nothing to build because it is not a struct.
    pub(crate) fn read(input: &'a DeriveInput, errors: &mut Errors) -> Option<Self> {
        let data = match &input.data {
            Data::Struct(data) => data,
            Data::Enum(data) => return not_a_struct(data.enum_token.span, errors),
            Data::Union(data) => return not_a_struct(data.union_token.span, errors),
        };
        validate::not_generic(
            &input.generics,
            "a generic service cannot be built by type: build it and `provide` it",
            errors,
        );
        injectable::none_on_type(&input.attrs, errors);
        for field in &data.fields {
            injectable::none_on_field(&field.attrs, errors);
        }
        let options = injectable::read_service(&input.attrs, errors);
        let injection = Injection::read(&data.fields, errors);
        Some(Self { ident: &input.ident, injection, options })
    }
}

fn not_a_struct<T>(span: Span, errors: &mut Errors) -> Option<T> {
    errors.on(span, "only a struct can be built from its fields: build the value and `provide` it");
    None
}

/// Reports a handler annotation beside `Injectable`; says whether there was one.
pub(crate) fn also_a_handler(input: &DeriveInput, errors: &mut Errors) -> bool {
    let handler = input.attrs.iter().find(|attr| handler_attribute(attr).is_some());
    let Some(handler) = handler else { return false };
    errors.on_tokens(handler.path(), ALREADY_INJECTED);
    true
}

/// The error for `Injectable` on a handler.
pub(crate) const ALREADY_INJECTED: &str = "a handler is injected already: remove `Injectable`";

/// Which handler annotation `attr` is, under whatever path.
pub(crate) fn handler_attribute(attr: &Attribute) -> Option<Kind> {
    let name = &attr.path().segments.last()?.ident;
    [Kind::Events, Kind::Command, Kind::Query].into_iter().find(|kind| name == kind.attribute())
}

/// The fields of a struct, or the services that a function takes, and the sources of their values.
pub(crate) struct Injection<'a> {
    pub(crate) shape: Shape,
    pub(crate) fields: Vec<InjectedField<'a>>,
}

/// How an expression of the struct is written.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Named,
    Tuple,
    Unit,
    /// The generated struct of a function, whose fields have names.
    Function,
}

pub(crate) struct InjectedField<'a> {
    pub(crate) ident: Option<&'a Ident>,
    /// The field's name in reports: its own, or its position in a tuple.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    pub(crate) source: Source,
    /// When the field is there, and has this source. An attribute macro sees fields before `cfg` removes any, so generated
    /// code repeats these.
    pub(crate) cfgs: Vec<Attribute>,
}

impl<'a> Injection<'a> {
    pub(crate) fn read(fields: &'a Fields, errors: &mut Errors) -> Self {
        let shape = match fields {
            Fields::Named(_) => Shape::Named,
            Fields::Unnamed(_) => Shape::Tuple,
            Fields::Unit => Shape::Unit,
        };
        let mut injected = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let name = match &field.ident {
                Some(ident) => ident.unraw().to_string(),
                None => index.to_string(),
            };
            for (cfgs, attrs) in variants(&field.attrs) {
                let source = injectable::read_source(&attrs, errors);
                let (ident, ty, name) = (field.ident.as_ref(), &field.ty, name.clone());
                injected.push(InjectedField { ident, name, ty, source, cfgs });
            }
        }
        Self { shape, fields: injected }
    }
}

/// The conditions under which a field is there, with the `#[inject(..)]` that it then has. There are several if some of
/// its `#[inject(..)]` are inside `cfg_attr`; of those, the first whose condition is met counts.
fn variants(attrs: &[Attribute]) -> Vec<(Vec<Attribute>, Vec<Attribute>)> {
    let attrs = conditional::flattened(attrs);
    let (mut cfgs, mut injects): (Vec<Attribute>, Vec<Attribute>) = (Vec::new(), Vec::new());
    for attr in &attrs {
        match (&attr.when, &attr.meta) {
            (Some(when), Meta::List(list)) if attr.is("cfg") => {
                let condition = &list.tokens;
                cfgs.push(parse_quote!(#[cfg(any(not(#when), #condition))]));
            }
            _ if attr.is("cfg") => cfgs.push(attr.attribute()),
            (None, _) if attr.is("inject") => injects.push(attr.attribute()),
            _ => {}
        }
    }
    let mut variants = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.is("inject")) {
        let (Some(when), meta) = (&attr.when, &attr.meta) else { continue };
        let (mut there, mut injects) = (cfgs.clone(), injects.clone());
        there.push(parse_quote!(#[cfg(#when)]));
        injects.push(parse_quote!(#[#meta]));
        variants.push((there, injects));
        cfgs.push(parse_quote!(#[cfg(not(#when))]));
    }
    variants.push((cfgs, injects));
    variants
}

/// A type without the invisible group that `macro_rules!` puts around a `$t:ty`, and without parentheses.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            ty => return ty,
        }
    }
}

/// Whether `ty` is a path that ends with `name`.
pub(crate) fn is_named(name: &str, ty: &Type) -> bool {
    let Type::Path(path) = ungrouped(ty) else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == name)
}

/// The `T` of `Name<T>`.
pub(crate) fn argument_of<'a>(name: &str, ty: &'a Type) -> Option<&'a Type> {
    arguments_of(name, ty)?.next()
}

/// The `E` of `Name<T, E>`.
pub(crate) fn second_argument_of<'a>(name: &str, ty: &'a Type) -> Option<&'a Type> {
    arguments_of(name, ty)?.nth(1)
}

fn arguments_of<'a>(name: &str, ty: &'a Type) -> Option<impl Iterator<Item = &'a Type>> {
    let Type::Path(path) = ungrouped(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    Some(arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }))
}

/// The token of a type on which an error about it is reported: `Created` in `events::Created`.
pub(crate) fn focus(ty: &Type) -> Span {
    let path = match ungrouped(ty) {
        Type::Path(ty) => Some(&ty.path),
        Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(&bound.path),
            _ => None,
        }),
        _ => None,
    };
    match path.and_then(|path| path.segments.last()) {
        Some(segment) => segment.ident.span(),
        None => ty.to_token_stream().span(),
    }
}
