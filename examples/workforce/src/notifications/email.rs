//! What is sent.

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, MessageBuilder};

use super::MailError;

/// An e-mail of plain text. Names and subject may be any text: lettre encodes what a header cannot hold
/// ([RFC 2047](https://www.rfc-editor.org/rfc/rfc2047)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// What the recipient is called.
    pub to_name: String,
    /// Their address.
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Email {
    /// `id` is the same each time that the same e-mail is composed, so that a mail server can see that
    /// it has it already.
    pub(super) fn compose(self, from: &Mailbox, id: &str) -> Result<Message, MailError> {
        let Self { to_name, to, subject, text } = self;
        let to = Mailbox::new(Some(to_name), to.parse()?);
        let builder: MessageBuilder = Message::builder()
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .from(from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN);
        Ok(builder.body(body(text))?)
    }
}

/// Plain ASCII with short lines goes as it is ([RFC 5321, 4.5.3.1.6](https://www.rfc-editor.org/rfc/rfc5321)),
/// so that a link can be read in a file; lettre encodes everything else.
fn body(text: String) -> Body {
    let is_plain = text.is_ascii() && text.lines().all(|line| line.len() < 998);
    if !is_plain {
        return Body::new(text);
    }
    let text = text.replace('\n', "\r\n").into_bytes();
    Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit)
}
