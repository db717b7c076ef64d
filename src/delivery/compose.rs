//! One message as the bytes that go over the wire.
//!
//! Whatever a customer is called and whatever a template renders to, the bytes
//! have exactly the headers written here: every value is cleaned before the
//! message builder sees it, and the finished bytes are checked once more.

use std::fmt::Write as _;

use lettre::address::{Address, Envelope};
use lettre::message::header::{self, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue, Headers};
use lettre::message::{Body, Mailbox as WireMailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::layout::{self, Footer};
use super::report::UNSUBSCRIBE;
use super::text_language::TextLanguage;
use crate::address::{AddressError, Mailbox, parse_address};
use crate::clock::Instant;
use crate::printable::steers;

/// Longest subject, in characters; the rest is cut off.
const SUBJECT_MAX: usize = 250;
/// Longest display name, in characters; the rest is cut off.
const NAME_MAX: usize = 100;
/// Longest identifier or URL in a header, in bytes: it must fit on one line.
const TOKEN_MAX: usize = 900;

/// What Exchange need not send back: absences, receipts, automatic answers. Not
/// `All`, which would also keep it from telling that a mail did not arrive.
const NO_ANSWERS: &str = "OOF, AutoReply, DR, RN, NRN";

/// A message to one recipient, before it becomes bytes.
#[derive(Clone, Debug)]
pub struct OutgoingMail {
    /// With its angle brackets; used exactly as given.
    pub message_id: String,
    /// Where bounces go. None: the address of `from`.
    pub envelope_from: Option<String>,
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    pub to_name: Option<String>,
    pub to: String,
    pub subject: String,
    /// The content as text; the footer is added.
    pub text: String,
    /// The content as an HTML fragment; page and footer are added.
    pub html: String,
    /// What the content is written in.
    pub language: TextLanguage,
    /// What it carries beside its text.
    pub attachments: Vec<Attachment>,
    /// For the headers that mail clients turn into a button.
    pub unsubscribe: Option<Unsubscribe>,
    /// Names the kind of mail, for example `lifecycle.acme.example`.
    pub list_id: Option<String>,
    /// Tells mailbox providers which mail people complain about: up to three
    /// words and the sender's, separated by colons.
    pub feedback_id: Option<String>,
    /// Mail in nobody's name: out-of-office replies are not wanted.
    pub auto_submitted: bool,
    /// The `Date` header, in whole seconds.
    pub date: Instant,
    pub footer: Footer,
}

/// A file that a mail carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Letters, digits, `-`, `_` and `.`; what else there is becomes `-`.
    pub name: String,
    /// A MIME type, such as [`PDF`].
    pub content_type: &'static str,
    pub content: Vec<u8>,
}

/// The type of a PDF.
pub const PDF: &str = "application/pdf";

/// The one-click way out of RFC 8058, or the plain one of RFC 2369.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    pub https_url: String,
    /// An address that reads mail with the subject `unsubscribe`.
    pub address: Option<String>,
    /// The URL takes a POST without any question asked.
    pub one_click: bool,
}

/// A message ready for the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// 7-bit, lines end in CRLF and are at most 998 bytes long. The same mail
    /// gives the same bytes.
    pub bytes: Vec<u8>,
    /// The bounce address.
    pub envelope_from: String,
    /// The recipient's address.
    pub to: String,
}

impl Composed {
    /// The domain that it goes to, in lower case.
    pub fn domain(&self) -> String {
        self.to.rsplit('@').next().unwrap_or_default().to_lowercase()
    }
}

/// Why a message cannot be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ComposeError {
    /// `field` is `to`, `from`, `reply_to` or `envelope_from`.
    #[error("{field}: {error}")]
    Address { field: &'static str, error: AddressError },
    /// An identifier or URL that would not survive in a header.
    #[error("{field} is not usable in a mail header")]
    Header { field: &'static str },
    #[error("the date is outside the years 1970 to 9999")]
    Date,
    /// The message builder refused, or the finished bytes broke a rule of the
    /// wire.
    #[error("the message cannot be written: {0}")]
    Message(String),
}

/// Writes the message. Never panics, whatever the values.
pub fn compose(mail: &OutgoingMail) -> Result<Composed, ComposeError> {
    let from = address("from", &mail.from.address)?;
    let to = address("to", &mail.to)?;
    let envelope_from = match &mail.envelope_from {
        Some(text) => address("envelope_from", text)?,
        None => from.clone(),
    };
    let envelope = Envelope::new(Some(envelope_from.clone()), vec![to.clone()])
        .map_err(|error| ComposeError::Message(error.to_string()))?;

    let message_id = token("message_id", &mail.message_id)?;
    let seconds = mail.date.timestamp();
    if !(0..253_402_300_800).contains(&seconds) {
        return Err(ComposeError::Date);
    }

    let mut message = lettre::Message::builder()
        .envelope(envelope)
        .date(mail.date.into())
        .raw_header(verbatim("Message-ID", message_id))
        .raw_header(mailbox("From", mail.from.name.as_deref(), &from))
        .raw_header(mailbox("To", mail.to_name.as_deref(), &to))
        .subject(clean(&mail.subject, SUBJECT_MAX));
    if let Some(reply_to) = &mail.reply_to {
        let address = address("reply_to", &reply_to.address)?;
        message = message.raw_header(mailbox("Reply-To", reply_to.name.as_deref(), &address));
    }
    if let Some(unsubscribe) = &mail.unsubscribe {
        let url = token("unsubscribe", &unsubscribe.https_url)?;
        let mut ways = format!("<{url}>");
        if let Some(address) = &unsubscribe.address {
            ways += &format!(", <mailto:{}?subject={UNSUBSCRIBE}>", token("unsubscribe", address)?);
        }
        // It stands on one line.
        if ways.len() > TOKEN_MAX {
            return Err(ComposeError::Header { field: "unsubscribe" });
        }
        message = message.raw_header(verbatim("List-Unsubscribe", ways));
        if unsubscribe.one_click {
            let value = "List-Unsubscribe=One-Click".to_owned();
            message = message.raw_header(verbatim("List-Unsubscribe-Post", value));
        }
    }
    if let Some(list_id) = &mail.list_id {
        let list_id = token("list_id", list_id.trim_matches(['<', '>']))?;
        message = message.raw_header(verbatim("List-Id", format!("<{list_id}>")));
    }
    if let Some(feedback_id) = &mail.feedback_id {
        message = message.raw_header(verbatim("Feedback-ID", token("feedback_id", feedback_id)?));
    }
    if mail.auto_submitted {
        message = message
            .raw_header(verbatim("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(verbatim("X-Auto-Response-Suppress", NO_ANSWERS.to_owned()));
    }

    let text = layout::text(&body(&mail.text), &mail.footer);
    let html = layout::page(&body(&mail.html), &mail.footer, &mail.language);
    let parts = MultiPart::alternative()
        .boundary(boundary(&mail.message_id))
        .singlepart(part(ContentType::TEXT_PLAIN, text))
        .singlepart(part(ContentType::TEXT_HTML, html));
    let parts = match mail.attachments.is_empty() {
        true => parts,
        false => {
            let whole = MultiPart::mixed().boundary(boundary(&format!("attachments of {}", mail.message_id)));
            let mut whole = whole.multipart(parts);
            for file in &mail.attachments {
                whole = whole.singlepart(attachment(file)?);
            }
            whole
        }
    };
    let message = message.multipart(parts).map_err(|error| ComposeError::Message(error.to_string()))?;
    let bytes = message.formatted();
    check_wire(&bytes)?;
    Ok(Composed { bytes, envelope_from: envelope_from.to_string(), to: to.to_string() })
}

fn address(field: &'static str, text: &str) -> Result<Address, ComposeError> {
    let failed = |error| ComposeError::Address { field, error };
    let text = parse_address(text).map_err(failed)?;
    text.parse().map_err(|_| failed(AddressError::Domain(text.clone())))
}

/// A header value on one line: control characters and runs of space become
/// one space, nothing in it looks like an encoded word, and it is clipped to
/// `max` characters.
fn clean(value: &str, max: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut space = false;
    for c in value.chars() {
        if c.is_control() || c.is_whitespace() {
            space = length > 0;
            continue;
        }
        let apart = std::mem::take(&mut space) || (c == '?' && out.ends_with('='));
        if length + usize::from(apart) >= max {
            break;
        }
        if apart {
            out.push(' ');
            length += 1;
        }
        out.push(c);
        length += 1;
    }
    out
}

/// A name as it may stand before an address. Mail programs show it in place of
/// the address, so one that reads like an address itself is left out, and nothing
/// in it turns the direction of writing.
fn display_name(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| c.is_control() || c.is_whitespace() || !steers(*c)).collect();
    let name = clean(&name, NAME_MAX);
    (!name.is_empty() && !resembles_address(&name)).then_some(name)
}

/// Whether a name holds something that reads like an address: an `@` between
/// letters, or before a domain.
fn resembles_address(name: &str) -> bool {
    const AT_SIGNS: [char; 3] = ['@', '\u{fe6b}', '\u{ff20}'];
    name.match_indices(AT_SIGNS).any(|(at, sign)| {
        let (before, after) = (&name[..at], &name[at + sign.len()..]);
        let joins = |next: Option<char>| next.is_some_and(|c| !c.is_whitespace());
        let domain = after.split_whitespace().next().unwrap_or_default();
        joins(before.chars().next_back()) && joins(after.chars().next())
            || domain.trim_matches(|c: char| !c.is_alphanumeric()).contains('.')
    })
}

/// An identifier or URL that stands in a header as it is.
fn token<'a>(field: &'static str, value: &'a str) -> Result<&'a str, ComposeError> {
    let plain = value.bytes().all(|b| b.is_ascii_graphic());
    let inner = match field {
        "message_id" => value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default(),
        _ => value,
    };
    if !plain || inner.is_empty() || value.len() > TOKEN_MAX || inner.contains(['<', '>']) {
        return Err(ComposeError::Header { field });
    }
    Ok(value)
}

/// A header that is neither folded nor encoded. Only for checked values.
fn verbatim(name: &'static str, value: impl Into<String>) -> HeaderValue {
    let value = value.into();
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// An address header. The builder reads its own headers back, which it cannot
/// do with every name, so the raw form it gets is the address alone.
fn mailbox(name: &'static str, display: Option<&str>, address: &Address) -> HeaderValue {
    let display = display.and_then(display_name);
    let header = header::To::from(lettre::message::Mailboxes::from(WireMailbox::new(display, address.clone())));
    let mut headers = Headers::new();
    headers.insert_raw(header.display());
    let encoded = headers.to_string();
    let encoded = encoded.trim_start_matches("To: ").trim_end();
    HeaderValue::dangerous_new_pre_encoded(
        HeaderName::new_from_ascii_str(name),
        address.to_string(),
        encoded.to_owned(),
    )
}

/// A body with `\n` line ends and no other control characters than tabs.
fn body(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

/// Line ends become CRLF here: the builder would insert them one by one, which
/// takes minutes for a large body.
fn part(content_type: ContentType, body: String) -> SinglePart {
    SinglePart::builder()
        .header(content_type)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(body.replace('\n', "\r\n"))
}

/// A file in base64, whose lines are short.
fn attachment(file: &Attachment) -> Result<SinglePart, ComposeError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = file.name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(NAME_MAX).collect();
    let content_type =
        ContentType::parse(file.content_type).map_err(|error| ComposeError::Message(error.to_string()))?;
    let body = Body::new_with_encoding(file.content.clone(), ContentTransferEncoding::Base64);
    let body = body.map_err(|_| ComposeError::Message("an attachment cannot be encoded".to_owned()))?;
    Ok(lettre::message::Attachment::new(name).body(body, content_type))
}

/// `=_` cannot occur in quoted-printable text, so no body contains it.
fn boundary(message_id: &str) -> String {
    let mut boundary = "=_".to_owned();
    for byte in &Sha256::digest(message_id.as_bytes())[..12] {
        let _ = write!(boundary, "{byte:02x}");
    }
    boundary
}

/// The rules whose breach lets text become commands on the wire.
fn check_wire(bytes: &[u8]) -> Result<(), ComposeError> {
    let broken = |what: &str| Err(ComposeError::Message(what.to_owned()));
    if !bytes.ends_with(b"\r\n") {
        return broken("the last line does not end");
    }
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return broken("a line feed stands alone");
        };
        if line.len() > 998 {
            return broken("a line is longer than 998 bytes");
        }
        if line.contains(&b'\r') {
            return broken("a carriage return stands alone");
        }
        if line.iter().any(|b| *b == 0 || !b.is_ascii()) {
            return broken("a byte is not plain ASCII");
        }
    }
    Ok(())
}
