//! `mail`: how customer mail looks and leaves, and where bounces arrive.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Duration;

use super::refusal::refuse;
use crate::address::{parse_address, parse_mailbox};
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::form::{ADDRESS, OFF};
use crate::playbook::reader::{Fields, Form, Key, Shape, is_off, short};
use crate::playbook::yaml::Node;

/// Longest name before the `@` of the bounce address: with a plus and the
/// message's own word it must not be longer than an address may be.
const BOUNCE_NAME: usize = 15;

const WEB_URL: Shape = Shape::text_like("^https?://.", "an address that begins with `https://`");

/// The keys of `mail`.
pub(super) static MAIL: Form = Form::new(
    "mail",
    &[&[
        Key::new("from", ADDRESS, "The sender: `Acme Success <success@acme.example>` or an address."),
        Key::new("postal_address", Shape::Text, "Stands below customer mail."),
        Key::new(
            "public_url",
            WEB_URL,
            "Where customers reach their pages, without a path, such as `https://success.acme.example`.",
        ),
        Key::new(
            "redirect_to",
            Shape::Either(&[OFF, ADDRESS]),
            "An address: every customer mail goes there instead. Default: `off`.",
        ),
        Key::new(
            "undo_window",
            Shape::Either(&[OFF, Shape::Elapsed]),
            "Customer mail waits this long before it leaves, so that it can be cancelled; at most a day. Default: `0s`.",
        ),
        Key::new(
            "connections",
            Shape::Whole { least: 1, most: 64 },
            "Connections to the relay at the same time, at most. Default: 8.",
        ),
        Key::new(
            "bounces",
            Shape::Either(&[OFF, Shape::Form(&BOUNCES)]),
            "Where bounces and complaints arrive. Default: `off`.",
        ),
    ]],
);

static BOUNCES: Form = Form::new(
    "bounces",
    &[&[
        Key::required(
            "address",
            ADDRESS,
            "The sender of the envelope, such as `bounces@acme.example`; before the `@` at most 15 characters.",
        ),
        Key::required("maildir", Shape::Text, "The Maildir into which mail to that address is delivered."),
    ]],
);

/// How customer mail looks and leaves.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender: `Name <address>` or an address.
    pub from: String,
    /// Stands below customer mail.
    pub postal_address: Option<String>,
    /// The start of links in mail, without a slash at its end.
    pub public_url: Option<String>,
    /// Every customer mail goes to this address instead.
    pub redirect_to: Option<String>,
    /// Customer mail waits this long before it leaves, so that it can still be
    /// cancelled; zero is not at all.
    pub undo_window: Duration,
    /// Connections to the relay at the same time, 1 to 64.
    pub connections: usize,
    /// Where bounces and complaints arrive.
    pub bounces: Option<Bounces>,
}

/// Where bounces and complaints arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounces {
    /// The sender of the envelope, behind whose name each message puts a plus
    /// and its own word.
    pub address: String,
    /// The Maildir into which mail to that address is delivered.
    pub maildir: PathBuf,
}

impl Bounces {
    /// The envelope's sender of the message with this Message-ID.
    pub fn envelope_from(&self, message_id: &str) -> String {
        let word = message_id.trim_matches(['<', '>']).split('@').next().unwrap_or_default();
        match self.address.rsplit_once('@') {
            Some((name, domain)) if !word.is_empty() => format!("{name}+{word}@{domain}"),
            _ => self.address.clone(),
        }
    }

    fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Bounces> {
        let mut fields = Fields::new(file, node, &BOUNCES, problems);
        let mut address = fields.address("address");
        if let Some(name) = address.as_deref().and_then(|address| address.split('@').next())
            && (name.len() > BOUNCE_NAME || name.contains('+'))
        {
            let help = "a name of at most 15 characters without `+`, such as `bounces@acme.example`";
            refuse(&mut fields, "address", "each message puts a `+` and 48 characters behind this name", help);
            address = None;
        } else if address.is_none() && !fields.has("address") {
            fields.missing("address");
        }
        let maildir = fields.required_text("maildir").map(|text| PathBuf::from(text.text.trim()));
        fields.finish().then_some(Bounces { address: address?, maildir: maildir? })
    }
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            from: "Keepwell <keepwell@localhost>".to_owned(),
            postal_address: None,
            public_url: None,
            redirect_to: None,
            undo_window: Duration::zero(),
            connections: 8,
            bounces: None,
        }
    }
}

impl Mail {
    pub(super) fn fill(&mut self, file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) {
        let mut fields = Fields::new(file, node, &MAIL, problems);
        if let Some(from) = fields.string("from") {
            if !from.chars().any(char::is_control) && parse_mailbox(&from).is_ok() {
                self.from = from;
            } else {
                let message = format!("`{}` is not a sender", short(&from));
                let help = "write `Acme Success <success@acme.example>` or only the address";
                refuse(&mut fields, "from", message, help);
            }
        }
        self.postal_address = fields.string("postal_address");
        if let Some(url) = fields.string("public_url") {
            if is_web_url(&url) {
                self.public_url = Some(url.trim_end_matches('/').to_owned());
            } else {
                let message = format!("`{}` is not a web address", short(&url));
                let help = "write `https://success.acme.example`, without a path";
                refuse(&mut fields, "public_url", message, help);
            }
        }
        if let Some(to) = fields.string("redirect_to").filter(|to| to != "off") {
            if parse_address(&to).is_ok() {
                self.redirect_to = Some(to);
            } else {
                let message = format!("`{}` is not an e-mail address", short(&to));
                refuse(&mut fields, "redirect_to", message, "write an address, or `off`");
            }
        }
        if let Some(node) = fields.take("undo_window").filter(|node| !is_off(node)) {
            match parse_undo(node) {
                Some(window) => self.undo_window = window,
                None => {
                    let help = "write a span of elapsed time up to a day, such as `5m`, or `0s`";
                    refuse(&mut fields, "undo_window", "`undo_window` is not a time to wait", help);
                }
            }
        }
        if let Some(connections) = fields.int_within("connections", 1, 64) {
            self.connections = usize::try_from(connections).unwrap_or(self.connections);
        }
        if let Some(node) = fields.take("bounces").filter(|node| !is_off(node)) {
            self.bounces = Bounces::read(file, node, fields.problems());
        }
        fields.finish();
    }
}

/// A span of up to a day; nothing at all as well.
fn parse_undo(node: &Node) -> Option<Duration> {
    match node.as_text()? {
        "0s" => Some(Duration::zero()),
        text => match crate::playbook::Duration::parse(text)? {
            crate::playbook::Duration::Seconds(seconds) => Some(Duration::seconds(seconds)),
            crate::playbook::Duration::BusinessDays(_) => None,
        }
        .filter(|window| *window <= Duration::days(1)),
    }
}

pub(super) fn is_web_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let rest = rest.trim_end_matches('/');
        let host = rest.split(':').next().unwrap_or("");
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`?#@\\/".contains(c);
        !host.is_empty() && !rest.contains(odd)
    })
}
