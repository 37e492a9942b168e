//! From a request's session to its context.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::AppendHeaders;
use cqrs_core::Context;
use cqrs_http::{ContextLayer, Problem};

use crate::db::DbError;
use crate::users::{SESSION_LIFETIME, Sessions, Token};

const NAME: &str = "workforce_session";

/// The cookie that holds a session's token: no script reads it, and no other site's request brings it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionCookie {
    /// Whether it goes over encrypted connections only.
    pub(super) secure: bool,
}

type SetCookie = AppendHeaders<[(HeaderName, String); 1]>;

impl SessionCookie {
    pub(crate) fn set(self, token: &Token) -> SetCookie {
        self.header(&token.to_string(), SESSION_LIFETIME.as_secs())
    }

    pub(crate) fn clear(self) -> SetCookie {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: u64) -> SetCookie {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie =
            format!("{NAME}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
        AppendHeaders([(header::SET_COOKIE, cookie)])
    }
}

/// Makes the context of whoever is signed in, and refuses everybody else.
pub(super) fn contexts(sessions: Arc<Sessions>) -> ContextLayer {
    ContextLayer::new_async(move |request| {
        let sessions = Arc::clone(&sessions);
        Box::pin(async move {
            let ctx = context(&sessions, &request.headers).await.map_err(Problem::internal)?;
            ctx.ok_or_else(|| {
                Problem::unauthorized(
                    "sign in first: `POST /api/sessions` gives a token for `Authorization: Bearer`",
                )
            })
        })
    })
}

/// `None` where nobody is signed in.
pub(super) async fn context(
    sessions: &Sessions,
    headers: &HeaderMap,
) -> Result<Option<Context>, DbError> {
    match token(headers) {
        Some(token) => sessions.context(&token).await,
        None => Ok(None),
    }
}

/// From `Authorization: Bearer`, or else from the cookie.
pub(super) fn token(headers: &HeaderMap) -> Option<Token> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim()))?;
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).and_then(|(_, value)| Token::parse(value))
}
