//! A message in its parts, as the MIME parser finds them, within bounds.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

use super::MOST;
use crate::delivery::headers::{self, field};

/// A message with more parts than this is read by its head alone. It bounds how
/// deep messages lie within one another, too: each needs such a field.
const MOST_PARTS: usize = 200;

/// How much of the text is read, in bytes: bounces begin with what they say.
const LONGEST_TEXT: usize = 64 << 10;

/// A message that somebody else wrote.
pub(super) struct Parts<'a> {
    fields: Vec<(String, String)>,
    message: Message<'a>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Parts<'a>> {
        let parser = MessageParser::default();
        let message = match count(bytes, b"content-type") > MOST_PARTS {
            true => parser.parse_headers(bytes)?,
            false => parser.parse(bytes)?,
        };
        let (fields, _) = headers::split(bytes);
        Some(Parts { fields, message })
    }

    /// A header field of the message, as it stands there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }

    /// The subject, decoded (RFC 2047).
    pub(super) fn subject(&self) -> &str {
        self.message.subject().unwrap_or_default()
    }

    /// The decoded bodies of parts of these types, such as `message/feedback-report`.
    pub(super) fn bodies(&self, types: &[&str]) -> Vec<Cow<'_, [u8]>> {
        let wanted = |part: &&mail_parser::MessagePart<'_>| {
            part.content_type().is_some_and(|found| {
                let name = format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default());
                types.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
            })
        };
        self.message.parts.iter().filter(wanted).take(MOST).map(|part| Cow::Borrowed(part.contents())).collect()
    }

    /// Whether a message that it holds has this header field.
    pub(super) fn has_returned_field(&self, name: &str) -> bool {
        let held = self.message.parts.iter().filter_map(|part| match &part.body {
            PartType::Message(message) => Some(message),
            _ => None,
        });
        held.take(MOST).any(|message| {
            message
                .parts
                .first()
                .is_some_and(|root| root.headers.iter().any(|header| header.name.as_str().eq_ignore_ascii_case(name)))
        })
    }

    /// What people are to read, as plain text, as far as it is looked at. Attached
    /// messages are not in it.
    pub(super) fn text(&self) -> String {
        let count = self.message.text_body.len().min(MOST);
        let mut texts: Vec<Cow<'_, str>> = (0..count).filter_map(|at| self.message.body_text(at)).collect();
        if texts.is_empty() {
            // Damaged parts, whose boundary is nowhere, are text all the same.
            let damaged = self.message.parts.iter().filter_map(|part| match &part.body {
                PartType::Text(text) => Some(Cow::Borrowed(text.as_ref())),
                _ => None,
            });
            texts.extend(damaged.take(MOST));
        }
        let mut text = texts.join("\n").replace("\r\n", "\n");
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text
    }
}

/// How often a text in lower case occurs, in any case of letters.
fn count(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).filter(|found| found.eq_ignore_ascii_case(text)).count()
}
