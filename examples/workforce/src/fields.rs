//! Looking at input: every wrong field is reported, not only the first.

use lettre::message::Mailbox;
use lettre::{Address, Message};
use serde::Serialize;
use utoipa::ToSchema;

use crate::failure::Failure;
use crate::visible::{is_reordered, is_visible};

/// The longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3).
const MAX_EMAIL: usize = 254;
/// The shortest password, in characters (NIST SP 800-63B asks for at least 8).
pub const MIN_PASSWORD: usize = 8;
/// The longest password, in bytes; a longer one would only cost time.
pub const MAX_PASSWORD: usize = 256;

/// What is wrong with one field. It does not repeat what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    #[schema(value_type = String)]
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl FieldError {
    pub(crate) fn list(errors: &[Self]) -> String {
        let errors = errors.iter().map(|it| format!("`{}` {}", it.field, it.reason));
        errors.collect::<Vec<_>>().join("; ")
    }
}

/// Collects what is wrong with the fields of one input.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// One line of text, 1 to `max` characters, without white space around it; of any script, and with
    /// something to see.
    pub fn line(&mut self, field: &'static str, value: &str, max: usize) -> String {
        let value = value.trim();
        let length = value.chars().take(max + 1).count();
        let is_break = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        if length == 0 {
            self.add(field, "is empty");
        } else if length > max {
            self.add(field, format!("is longer than {max} characters"));
        } else if value.chars().any(is_break) {
            self.add(field, "has a line break or another control character");
        } else if !is_visible(value) {
            self.add(field, "has no character that can be seen");
        } else if is_reordered(value) {
            self.add(field, "has characters that show it in another order than it is written");
        }
        value.to_owned()
    }

    /// As [`line`](Self::line), where nothing but white space counts as nothing.
    pub fn line_opt(
        &mut self,
        field: &'static str,
        value: Option<&str>,
        max: usize,
    ) -> Option<String> {
        let value = value.filter(|value| !value.trim().is_empty())?;
        Some(self.line(field, value, max))
    }

    /// An e-mail address to which an e-mail can be written, in lower case.
    pub fn email(&mut self, field: &'static str, value: &str) -> String {
        let value = value.trim();
        if value.len() > MAX_EMAIL {
            self.add(field, format!("is longer than {MAX_EMAIL} bytes"));
        } else if !value.is_ascii() || !value.parse().is_ok_and(can_be_written_to) {
            self.add(field, "is not an e-mail address such as `ada@example.com`");
        }
        value.to_ascii_lowercase()
    }

    /// A new password.
    pub fn password(&mut self, field: &'static str, value: &str) {
        if value.chars().take(MIN_PASSWORD).count() < MIN_PASSWORD {
            self.add(field, format!("is shorter than {MIN_PASSWORD} characters"));
        } else if value.len() > MAX_PASSWORD {
            self.add(field, format!("is longer than {MAX_PASSWORD} bytes"));
        }
    }

    /// Reports something else.
    pub fn add(&mut self, field: &'static str, reason: impl Into<String>) {
        self.0.push(FieldError { field, reason: reason.into() });
    }

    /// Nothing is wrong.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with everything that is.
    pub fn finish(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::Invalid(self.0)) }
    }
}

/// Some addresses are well-formed and still nowhere to write to, such as `ada@[127.0.0.1]`. With quotes,
/// one address has several spellings.
fn can_be_written_to(address: Address) -> bool {
    if address.user().contains('"') {
        return false;
    }
    let mailbox = Mailbox::new(None, address);
    let message = Message::builder().from(mailbox.clone()).to(mailbox);
    message.body(String::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str) -> Result<String, String> {
        let mut fields = Fields::default();
        let line = fields.line("name", value, 200);
        fields.finish().map(|()| line).map_err(|failure| failure.to_string())
    }

    fn email(value: &str) -> Result<String, String> {
        let mut fields = Fields::default();
        let email = fields.email("email", value);
        fields.finish().map(|()| email).map_err(|failure| failure.to_string())
    }

    #[test]
    fn names_of_every_script_are_lines() {
        for name in [
            "Ada",
            "Hélène Dupré",
            "李小龍",
            "Σωκράτης",
            "محمد",
            "\u{200F}שרה\u{200F}",
            "श्री\u{200D}मान",
            "می\u{200C}خواهم",
            "ក\u{17B4}",
            "이순신",
            "👩\u{200D}🚀 Sally",
            "ᚠᚢᚦ",
            "⠁⠙⠁",
        ] {
            assert_eq!(line(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_line_has_something_to_see() {
        for nothing in ["\u{200B}", "\u{2060} \u{2060}", "\u{3164}", "\u{FEFF}\u{AD}", "\u{2800}"] {
            let error = line(nothing).unwrap_err();
            assert!(error.contains("no character that can be seen"), "{nothing:?}: {error}");
        }
        assert!(line("\u{3000}").unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_line_shows_in_the_order_in_which_it_is_written() {
        for char in ('\u{202A}'..='\u{202E}').chain('\u{2066}'..='\u{2069}') {
            let error = line(&format!("Ada {char}ecalevoL")).unwrap_err();
            assert!(error.contains("another order"), "{char:?}: {error}");
        }
        assert!(line("two\u{2028}lines").unwrap_err().contains("line break"));
    }

    #[test]
    fn an_address_is_one_to_which_an_e_mail_can_be_written() {
        for address in [
            "ada@acme.example",
            "a+b.c_d-e@sub.acme.example",
            "o'brien@acme.example",
            "x@localhost",
            "a/b=c!#$%&*?^`{|}~@acme.example",
        ] {
            assert_eq!(email(address).as_deref(), Ok(address));
        }
        for address in [
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "\"a b\"@acme.example",
            "\"a\"@acme.example",
            "a@acme.example,b@acme.example",
            "Ada <ada@acme.example>",
            "a..b@acme.example",
            "(x)a@acme.example",
            "a@acme.example\r\nBcc: b@acme.example",
        ] {
            assert!(email(address).is_err(), "{address}");
        }
    }

    proptest::proptest! {
        /// Whatever is taken can be sent to, whoever it is.
        #[test]
        fn every_address_that_is_taken_can_be_written_to(
            user in "[a-z0-9.!#$%&\'*+/=?^_`{|}~\"\\\\ @()<>,;:\\[\\]-]{1,20}",
            host in "[a-z0-9.:\\[\\]-]{1,20}",
            name in ".{1,40}",
        ) {
            let address = format!("{user}@{host}");
            if let (Ok(address), Ok(name)) = (email(&address), line(&name)) {
                let to = Mailbox::new(Some(name), address.parse().unwrap());
                let from = to.clone();
                let message = Message::builder().from(from).to(to).body(String::new());
                proptest::prop_assert!(message.is_ok(), "{:?}", message.err());
            }
        }
    }
}
