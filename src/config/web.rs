//! `web`: where the pages are served and to whom, and the address that
//! colleagues open.

use std::net::SocketAddr;
use std::sync::Arc;

use super::mail::is_web_url;
use super::refusal::refuse;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::{Fields, Form, Key, Shape, is_off, short};
use crate::playbook::yaml::Node;

const LISTENER: Shape = Shape::text_like("^.+:[0-9]+$", "an address and a port, such as `127.0.0.1:7717`");

/// The keys of `web`.
pub(super) static WEB: Form = Form::new(
    "web",
    &[&[
        Key::new(
            "listen",
            LISTENER,
            "Where the pages are served, on this machine only. Default: `\"127.0.0.1:7717\"`.",
        ),
        Key::new(
            "public_listen",
            LISTENER,
            "Where customers' pages are served, and nothing else, such as `\"127.0.0.1:7718\"`. Default: at `listen`.",
        ),
        Key::new(
            "ops_listen",
            LISTENER,
            "Where health is told, and nothing else, such as `\"127.0.0.1:7719\"`. Default: at `listen`.",
        ),
        Key::new(
            "url",
            Shape::text_like("^https?://.", "an address that begins with `https://`"),
            "What colleagues open, for links in their mail, such as `https://keepwell.acme.example`. Default: `listen`.",
        ),
    ]],
);

/// What `web` says.
#[derive(Debug, Default)]
pub(super) struct Web {
    /// All pages; `None` is `off`.
    pub listen: Option<SocketAddr>,
    /// Customers' pages only.
    pub public_listen: Option<SocketAddr>,
    /// Health only.
    pub ops_listen: Option<SocketAddr>,
    /// What colleagues open.
    pub url: Option<String>,
}

/// `off`, or `{ listen: "127.0.0.1:7717", url: https://keepwell.acme.example }`.
pub(super) fn read(file: &Arc<str>, node: &Node, default: Option<SocketAddr>, problems: &mut Vec<Diagnostic>) -> Web {
    if is_off(node) {
        return Web::default();
    }
    let mut fields = Fields::new(file, node, &WEB, problems);
    let mut web = Web { listen: default, ..Web::default() };
    if let Some((text, given)) = address(&mut fields, "listen", "127.0.0.1:7717") {
        if given.ip().is_loopback() {
            web.listen = Some(given);
        } else {
            let message = format!("`{text}` can be reached from other machines");
            let help = "until there are logins, listen on `127.0.0.1` behind a proxy that asks who it is";
            refuse(&mut fields, "listen", message, help);
        }
    }
    web.public_listen = address_beside(&mut fields, "public_listen", "127.0.0.1:7718", &[web.listen]);
    web.ops_listen = address_beside(&mut fields, "ops_listen", "127.0.0.1:7719", &[web.listen, web.public_listen]);
    if let Some(url) = fields.string("url") {
        if is_web_url(&url) {
            web.url = Some(url.trim_end_matches('/').to_owned());
        } else {
            let message = format!("`{}` is not a web address", short(&url));
            refuse(&mut fields, "url", message, "write `https://keepwell.acme.example`, without a path");
        }
    }
    fields.finish();
    web
}

/// An address to listen on, and as it is written.
fn address(fields: &mut Fields<'_, '_>, key: &'static str, example: &str) -> Option<(String, SocketAddr)> {
    let text = fields.string(key)?;
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.clone(),
    };
    match numeric.parse() {
        Ok(address) => Some((text, address)),
        Err(_) => {
            let message = format!("`{}` is not an address to listen on", short(&text));
            refuse(fields, key, message, &format!("write `\"{example}\"`"));
            None
        }
    }
}

/// The same of a listener beside these.
fn address_beside(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    example: &str,
    taken: &[Option<SocketAddr>],
) -> Option<SocketAddr> {
    let (text, address) = address(fields, key, example)?;
    // With port 0 the system finds a free one.
    if address.port() != 0 && taken.contains(&Some(address)) {
        let message = format!("`{text}` is the address of another listener of `web`");
        refuse(fields, key, message, "each has an address of its own");
        return None;
    }
    Some(address)
}
