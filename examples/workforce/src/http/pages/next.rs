//! Where somebody wanted to go before they had to sign in.

use std::fmt;

use axum::response::Redirect;

/// The longest that is kept, in bytes.
const MOST: usize = 2048;

/// A path of this server, with its query. Anything else is the start page, so that no link to the sign-in leads
/// elsewhere by way of it.
#[derive(Debug, Clone)]
pub(super) struct Next(String);

impl Next {
    pub(super) fn new(path: &str) -> Self {
        // Browsers read a backslash as a slash, and `//` as the beginning of another server's name; they leave
        // out tabs and line breaks.
        let is_local = path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= MOST
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        Self(if is_local { path } else { "/" }.to_owned())
    }

    /// To the sign-in, and from there to it.
    pub(super) fn by_way_of_sign_in(&self) -> Redirect {
        let mut query = form_urlencoded::Serializer::new(String::new());
        Redirect::to(&format!("/sign-in?{}", query.append_pair("next", &self.0).finish()))
    }

    pub(super) fn redirect(&self) -> Redirect {
        Redirect::to(&self.0)
    }
}

impl Default for Next {
    fn default() -> Self {
        Self::new("/")
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_to_another_server() {
        for path in ["/", "/activity?q=a%20b&limit=5", "/timesheets"] {
            assert_eq!(Next::new(path).to_string(), path);
        }
        let long = format!("/{}", "x".repeat(MOST));
        for path in [
            "",
            "activity",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/é",
            " /",
            "/a\\b",
            &long,
        ] {
            assert_eq!(Next::new(path).to_string(), "/", "{path}");
        }
    }
}
