//! The option `requires` of a command or query: the permissions that its caller needs.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{LitStr, token};

use crate::attr::{options, value};
use crate::error::Errors;
use crate::validate;

const EXAMPLE: &str = "requires = \"employees:write\"";

/// Reads `= "employees:write"`, `= ["employees:write", "payroll:read"]` or `= none`, which means no permission.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Vec<LitStr>> {
    value::equals(key, EXAMPLE, input)?;
    let mut permissions = Vec::new();
    if input.peek(LitStr) {
        permissions.push(permission(key, input, errors)?);
    } else if input.peek(token::Bracket) {
        let content;
        let brackets = syn::bracketed!(content in input);
        if content.is_empty() {
            let message = "`requires` is empty: write `requires = none` if no permission is needed";
            return Err(syn::Error::new(brackets.span.join(), message));
        }
        options::separated(&content, errors, |input, errors| {
            permissions.push(permission(key, input, errors)?);
            Ok(())
        });
    } else if input.fork().parse::<Ident>().is_ok_and(|word| word == "none") {
        input.parse::<Ident>()?;
    } else {
        return Err(expected(key, input));
    }
    Ok(permissions)
}

fn permission(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<LitStr> {
    let literal: LitStr = input.parse().map_err(|_| expected(key, input))?;
    if literal.value().trim().is_empty() {
        let message = "a permission is empty: write its name, such as `requires = \"employees:write\"`, or `requires = none` \
                       if no permission is needed";
        errors.on(literal.span(), message);
    } else {
        validate::label("requires", &literal.value(), literal.span(), errors);
    }
    Ok(literal)
}

fn expected(key: &Ident, input: ParseStream<'_>) -> syn::Error {
    value::expected("a permission, a list of permissions or `none`", EXAMPLE, key, input)
}
