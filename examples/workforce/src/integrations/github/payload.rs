//! What GitHub tells: only what is of use here is read; everything else may come and go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::visible::is_reordered;

/// The longest text that is kept of what GitHub says, in characters.
const MAX_TEXT: usize = 300;
/// The most people whose work is noted for one push.
const MAX_AUTHORS: usize = 50;

/// Why a body is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// A form without the field that matters.
    #[error("the form has no field `payload`")]
    NoPayload,
    /// It is no JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
}

/// The JSON of a body, which is sent as such or as the field `payload` of a form.
pub(super) fn json(is_form: bool, body: Vec<u8>) -> Result<Vec<u8>, BodyError> {
    let json = if is_form {
        let mut fields = form_urlencoded::parse(&body);
        let payload = fields.find(|(name, _)| name == "payload").ok_or(BodyError::NoPayload)?;
        payload.1.into_owned().into_bytes()
    } else {
        body
    };
    serde_json::from_slice::<IgnoredAny>(&json)?;
    Ok(json)
}

/// What a delivery says, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// In one line.
    pub(super) summary: String,
    /// `owner/name`, where it is about a repository.
    pub(super) repository: Option<String>,
    /// Where to see it.
    pub(super) url: Option<String>,
    /// Who did it, as GitHub calls them.
    pub(super) sender: Option<String>,
    /// Who worked on what was pushed.
    pub(super) work: Vec<Work>,
}

/// What one person contributed to a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Work {
    /// As the commits name them, in lower case.
    pub(super) email: String,
    /// How many commits.
    pub(super) commits: usize,
    /// The first line of the first.
    pub(super) message: String,
    /// When the first was made.
    pub(super) from: Timestamp,
    /// When the last was made.
    pub(super) until: Timestamp,
}

impl Reading {
    /// Reads any kind of delivery. Of kinds that mean nothing here, and of what does not look as GitHub
    /// describes it, a note is all there is.
    pub(super) fn of(kind: &str, json: &[u8]) -> Self {
        let payload = match serde_json::from_slice::<Payload>(json) {
            Ok(payload) => payload,
            Err(error) => {
                let summary = line(&format!("`{kind}` could not be understood: {error}"));
                return Self { summary, ..Self::default() };
            }
        };
        let Payload { action, repository, sender, zen, .. } = &payload;
        let action = action.as_deref().unwrap_or("sent");
        let (summary, url) = match (kind, &payload.pull_request, &payload.issue) {
            ("ping", ..) => (zen.clone().unwrap_or_else(|| "connected".to_owned()), None),
            ("push", ..) => payload.describe_push(),
            ("pull_request", Some(item), _) => item.describe("pull request", action),
            ("issues", _, Some(item)) => item.describe("issue", action),
            _ => (format!("`{kind}` was {action}; it means nothing here and is kept"), None),
        };
        Self {
            summary: line(&summary),
            repository: repository.as_ref().map(|it| line(&it.full_name)),
            url: url.filter(|url| url.starts_with("https://") && is_line(url)),
            sender: sender.as_ref().map(|it| line(&it.login)),
            work: if kind == "push" { payload.work() } else { Vec::new() },
        }
    }
}

#[derive(Debug, Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Option<Repository>,
    sender: Option<Sender>,
    zen: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    compare: Option<String>,
    #[serde(default)]
    commits: Vec<Commit>,
    pull_request: Option<Item>,
    issue: Option<Item>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Debug, Deserialize)]
struct Sender {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Item {
    number: u64,
    title: String,
    html_url: Option<String>,
    #[serde(default)]
    merged: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    message: String,
    timestamp: Timestamp,
    author: Author,
}

#[derive(Debug, Deserialize)]
struct Author {
    email: Option<String>,
}

impl Payload {
    fn describe_push(&self) -> (String, Option<String>) {
        let reference = self.reference.as_deref().unwrap_or("?");
        let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
        let count = self.commits.len();
        let commits = if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") };
        (format!("{commits} to {branch}"), self.compare.clone())
    }

    fn work(&self) -> Vec<Work> {
        let mut work = BTreeMap::<String, Work>::new();
        for commit in &self.commits {
            let email = commit.author.email.as_deref().filter(|email| is_line(email));
            let Some(email) = email.map(str::to_ascii_lowercase) else {
                continue;
            };
            if work.len() == MAX_AUTHORS && !work.contains_key(&email) {
                continue;
            }
            let time = commit.timestamp;
            let work = work.entry(email.clone()).or_insert_with(|| Work {
                email,
                commits: 0,
                message: line(commit.message.lines().next().unwrap_or_default()),
                from: time,
                until: time,
            });
            work.commits += 1;
            work.from = work.from.min(time);
            work.until = work.until.max(time);
        }
        work.into_values().collect()
    }
}

impl Item {
    fn describe(&self, what: &str, action: &str) -> (String, Option<String>) {
        let action =
            if self.merged == Some(true) && action == "closed" { "merged" } else { action };
        (format!("{what} #{} {action}: {}", self.number, self.title), self.html_url.clone())
    }
}

/// Whether it is one line of bounded length; what is compared or followed is not mended.
fn is_line(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(is_no_part_of_a_line)
}

/// What [`Fields::line`](crate::fields::Fields::line) refuses, so that what is suggested can be accepted.
fn is_no_part_of_a_line(char: char) -> bool {
    let is_break = char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    is_break || is_reordered(char.encode_utf8(&mut [0; 4]))
}

/// One line of bounded length.
fn line(text: &str) -> String {
    text.chars().map(|it| if is_no_part_of_a_line(it) { ' ' } else { it }).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::Fields;

    #[test]
    fn a_push_says_who_worked_from_when_until_when() {
        let json = br#"{
            "ref": "refs/heads/main", "compare": "https://github.com/acme/site/compare/a...b",
            "repository": {"full_name": "acme/site", "id": 1}, "sender": {"login": "ada"},
            "commits": [
                {"id": "1", "message": "Fix\n\nlong story", "timestamp": "2026-11-23T10:00:00+01:00",
                 "author": {"name": "Ada", "email": "Ada@Acme.example"}},
                {"id": "2", "message": "Test", "timestamp": "2026-11-23T09:30:00Z",
                 "author": {"name": "Ada", "email": "ada@acme.example"}},
                {"id": "3", "message": "Other", "timestamp": "2026-11-23T09:30:00Z",
                 "author": {"name": "Bot", "email": null}}
            ]}"#;
        let reading = Reading::of("push", json);
        assert_eq!(reading.summary, "3 commits to main");
        assert_eq!(reading.repository.as_deref(), Some("acme/site"));
        assert_eq!(reading.sender.as_deref(), Some("ada"));
        assert_eq!(reading.url.as_deref(), Some("https://github.com/acme/site/compare/a...b"));
        assert_eq!(reading.work.len(), 1);
        let work = &reading.work[0];
        assert_eq!((work.email.as_str(), work.commits), ("ada@acme.example", 2));
        assert_eq!(work.message, "Fix");
        assert_eq!(work.from.to_string(), "2026-11-23T09:00:00Z");
        assert_eq!(work.until.to_string(), "2026-11-23T09:30:00Z");
    }

    #[test]
    fn kinds_that_mean_something_are_described() {
        let request =
            br#"{"action":"closed","pull_request":{"number":7,"title":"Faster","merged":true,
            "html_url":"https://github.com/acme/site/pull/7"}}"#;
        assert_eq!(Reading::of("pull_request", request).summary, "pull request #7 merged: Faster");
        let issue = br#"{"action":"opened","issue":{"number":8,"title":"Slow",
            "html_url":"javascript:alert(1)"}}"#;
        let reading = Reading::of("issues", issue);
        assert_eq!((reading.summary.as_str(), reading.url), ("issue #8 opened: Slow", None));
        assert_eq!(Reading::of("ping", br#"{"zen":"Keep it simple."}"#).summary, "Keep it simple.");
    }

    #[test]
    fn nothing_that_is_read_has_control_characters() {
        let push = br#"{"ref": "refs/heads/\u0000", "compare": "https://github.com/\u0000",
            "repository": {"full_name": "a\u0000"}, "sender": {"login": "\u001b"}, "commits": [
                {"message": "\u0000", "timestamp": "2026-11-23T10:00:00Z", "author": {"email": "a\u0000@b.c"}},
                {"message": "\u0000", "timestamp": "2026-11-23T10:00:00Z", "author": {"email": "a@b.c"}}]}"#;
        let reading = Reading::of("push", push);
        assert_eq!(reading.url, None);
        assert_eq!(reading.work.len(), 1);
        assert!(!format!("{reading:?}").contains('\\'), "{reading:?}");
        let issue = br#"{"action":"\u0000","issue":{"number":8,"title":"\u0000",
            "html_url":"https://github.com/\u0000"}}"#;
        assert!(!format!("{:?}", Reading::of("issues", issue)).contains('\\'));
    }

    #[test]
    fn other_kinds_and_other_shapes_become_a_note() {
        let note = |kind, json: &str| Reading::of(kind, json.as_bytes()).summary;
        assert_eq!(
            note("star", r#"{"action":"created"}"#),
            "`star` was created; it means nothing here and is kept"
        );
        assert!(note("push", r#"{"commits":7}"#).contains("could not be understood"));
        assert!(note("issues", "[]").contains("could not be understood"));
        assert!(note("issues", "{}").contains("means nothing here"));
    }

    #[test]
    fn a_form_holds_the_json_in_a_field() {
        let form = b"x=1&payload=%7B%22zen%22%3A%22a+b%22%7D".to_vec();
        assert_eq!(json(true, form).expect("a payload"), br#"{"zen":"a b"}"#);
        assert!(matches!(json(true, b"{}".to_vec()), Err(BodyError::NoPayload)));
        assert!(matches!(json(true, b"payload=x".to_vec()), Err(BodyError::NotJson(_))));
        for not_json in ["", "Hello, World!", "{} {}", "{\"a\":\"\u{0}\"}"] {
            assert!(json(false, not_json.as_bytes().to_vec()).is_err(), "{not_json}");
        }
        assert!(json(false, "[".repeat(1_000_000).into_bytes()).is_err());
    }

    proptest! {
        /// Else a suggestion could never be accepted.
        #[test]
        fn what_is_mended_is_a_line(text in "[a\u{0}\u{85}\u{2028}-\u{202F}\u{2060}-\u{206F}\u{feff}]{0,20}") {
            let mut fields = Fields::default();
            fields.line("note", &format!("1 commit: {}", line(&text)), 500);
            prop_assert!(fields.finish().is_ok());
        }

        #[test]
        fn any_body_is_read_without_a_panic(kind in "[a-z_]{1,20}", body in ".{0,200}") {
            let reading = Reading::of(&kind, body.as_bytes());
            prop_assert!(reading.summary.chars().count() <= MAX_TEXT);
        }
    }
}
