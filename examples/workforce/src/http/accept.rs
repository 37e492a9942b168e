//! Who reads an answer: a person in a browser, or a program.

use axum::http::{HeaderMap, header};

/// Whether HTML is asked for by name and before JSON, as browsers do
/// ([RFC 9110, 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)).
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    let (mut html, mut json) = (0.0_f32, 0.0_f32);
    for range in values.flat_map(|it| it.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut parameters = parts.filter_map(|it| it.split_once('='));
        let weight = parameters.find(|(name, _)| name.eq_ignore_ascii_case("q")).map(|it| it.1);
        let weight = weight.map_or(1.0, |it| it.parse().unwrap_or(0.0));
        match name.as_str() {
            "text/html" => html = html.max(weight),
            "application/json" | "application/problem+json" => json = json.max(weight),
            _ => {}
        }
    }
    html > json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_browsers_ask_for_html() {
        for (accept, is_browser) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html; charset=utf-8", true),
            ("application/json;q=0.5, text/html", true),
            ("*/*", false),
            ("", false),
            ("application/json, text/html;q=0.9", false),
            ("application/problem+json, text/html", false),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
            ("text/html;Q=0", false),
            ("application/json;Q=0.5, text/html", true),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_html(&headers), is_browser, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
