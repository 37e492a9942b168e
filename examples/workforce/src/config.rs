//! What can be set.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

use crate::http::ConnectionLimits;
use crate::integrations::Limits;
use crate::notifications::MailSettings;
use crate::users::PasswordCost;

/// How the product runs; the command line makes one.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen: `127.0.0.1:3000`; port 0 takes any that is free.
    pub listen: String,
    /// A `SQLite` file, `sqlite://file` or `postgres://..`.
    pub database: String,
    /// Where people reach it, if that is not where it listens.
    pub public_url: Option<PublicUrl>,
    /// Where e-mails go.
    pub mail: MailSettings,
    /// Who e-mails are from.
    pub mail_from: String,
    /// How many clients there may be at once, and how slow.
    pub connections: ConnectionLimits,
    /// How much other programs may send.
    pub limits: Limits,
    /// Whether an empty database is filled with two demo tenants, whose users sign in by one click.
    pub demo: bool,
    /// How much work a password is.
    pub password_cost: PasswordCost,
}

/// Where people reach the product, such as `https://workforce.example`; without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// A slash at its end is left out.
    pub fn new(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// Whether cookies may go over encrypted connections only.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// A text is no [`PublicUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as `https://workforce.example`")]
pub struct InvalidPublicUrl;

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(url: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = url.parse().map_err(|_| InvalidPublicUrl)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_web || uri.authority().is_none() || uri.query().is_some() {
            return Err(InvalidPublicUrl);
        }
        Ok(Self::new(url))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_the_web() {
        for url in ["https://a.example", "http://127.0.0.1:3000/", "https://a.example/workforce/"] {
            let public: PublicUrl = url.parse().unwrap();
            assert_eq!(public.to_string(), url.trim_end_matches('/'));
        }
        for url in [
            "",
            "foo",
            "a.example",
            "ftp://a.example",
            "javascript:alert(1)",
            "https://",
            "/",
            "http://a?b",
        ] {
            assert_eq!(url.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{url}");
        }
    }
}
