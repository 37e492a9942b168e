//! Registering a company.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::next::Next;
use super::page;
use super::refusal::{Labels, Refusal};
use super::sign_in::welcome;
use crate::http::{Buses, Form, SessionCookie};
use crate::users::http::Registration;

const LABELS: Labels = &[
    ("company", "Company"),
    ("tenant", "Tenant"),
    ("full_name", "Your name"),
    ("email", "E-mail"),
    ("password", "Password"),
];

#[derive(Default, Template)]
#[template(path = "register.html")]
struct RegisterPage {
    typed: Typed,
    refusal: Refusal,
}

/// All that was typed but the password.
#[derive(Default)]
struct Typed {
    company: String,
    tenant: String,
    full_name: String,
    email: String,
}

pub(super) async fn show() -> Response {
    answer(&RegisterPage::default())
}

pub(super) async fn register(
    State(buses): State<Buses>,
    Extension(cookie): Extension<SessionCookie>,
    Form(registration): Form<Registration>,
) -> Response {
    let typed = Typed {
        company: registration.company.clone(),
        tenant: registration.tenant.clone(),
        full_name: registration.full_name.clone(),
        email: registration.email.clone(),
    };
    match registration.execute(&buses).await {
        Ok(signed_in) => welcome(cookie, &signed_in, &Next::default()),
        Err(problem) => answer(&RegisterPage { typed, refusal: Refusal::new(&problem, LABELS) }),
    }
}

fn answer(register: &RegisterPage) -> Response {
    page(register.refusal.status(), register)
}
