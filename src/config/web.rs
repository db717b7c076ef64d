//! `web`: where the pages are served and to whom, and the address that
//! colleagues open.

use std::net::SocketAddr;
use std::sync::Arc;

use super::ip_range::IpRange;
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
            "Where the pages are served; where other machines reach it, `url` says how they are opened. Default: `\"127.0.0.1:7717\"`.",
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
            "user_header",
            Shape::text_like("^[A-Za-z0-9-]+$", "the name of a header"),
            "A header in which a proxy says which user it brings, such as `X-Forwarded-User`. Default: none; users log in here.",
        ),
        Key::new(
            "trusted_proxies",
            Shape::list(
                &Shape::text_like("^[0-9A-Fa-f:.]+(/[0-9]+)?$", "an address, or a range such as `10.0.0.0/8`"),
                0,
            ),
            "Whose `user_header` and `X-Forwarded-For` are believed: `[127.0.0.1, 10.0.0.0/8]`. Default: nobody's.",
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
    /// In which header a proxy says who it brings; not without proxies.
    pub user_header: Option<String>,
    pub trusted_proxies: Vec<IpRange>,
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
    let mut beyond = None;
    if let Some((text, given)) = address(&mut fields, "listen", "127.0.0.1:7717") {
        web.listen = Some(given);
        beyond = (!given.ip().is_loopback()).then_some(text);
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
    // A password is not for everybody on the way to read.
    if let Some(text) = beyond.filter(|_| !web.url.as_deref().is_some_and(is_private)) {
        let message = format!("`{text}` can be reached from other machines, where colleagues have to log in by https");
        let help =
            "add `url: https://…`, what they open, and lead it there by a proxy with https; or listen on `127.0.0.1`";
        refuse(&mut fields, "listen", message, help);
        web.listen = default;
    }
    read_proxies(&mut fields, &mut web);
    fields.finish();
    web
}

/// Whether what is sent to this address is read by nobody on the way.
fn is_private(url: &str) -> bool {
    let is_local = |host: Option<url::Host<&str>>| match host {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url::Url::parse(url).is_ok_and(|url| url.scheme() == "https" || is_local(url.host()))
}

fn read_proxies(fields: &mut Fields<'_, '_>, web: &mut Web) {
    for text in fields.texts("trusted_proxies") {
        match text.text.trim().parse() {
            Ok(range) => web.trusted_proxies.push(range),
            Err(()) => {
                let problem = text.error("KW0601", 1, 1, format!("`{}` is not an address", short(&text.text)));
                fields.problems().push(problem.help("write `127.0.0.1`, or a range such as `10.0.0.0/8`"));
            }
        }
    }
    let Some(name) = fields.string("user_header") else { return };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let message = format!("`{}` is not the name of a header", short(&name));
        refuse(fields, "user_header", message, "write `X-Forwarded-User`, for example");
    } else if web.trusted_proxies.is_empty() {
        let message = "anybody could write this header and be whoever they like";
        refuse(fields, "user_header", message, "say from where it is believed: `trusted_proxies: [127.0.0.1]`");
    } else {
        web.user_header = Some(name);
    }
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
