//! `web`: where the pages are served, and the address that colleagues open.

use std::net::SocketAddr;
use std::sync::Arc;

use super::mail::is_web_url;
use super::refusal::refuse;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::{Fields, is_off, short};
use crate::playbook::yaml::Node;

/// `off`, or `{ listen: "127.0.0.1:7717", url: https://keepwell.acme.example }`.
pub(super) fn read(
    file: &Arc<str>,
    node: &Node,
    default: Option<SocketAddr>,
    problems: &mut Vec<Diagnostic>,
) -> (Option<SocketAddr>, Option<String>) {
    if is_off(node) {
        return (None, None);
    }
    let mut fields = Fields::new(file, node, "web", problems);
    let mut address = default;
    if let Some(text) = fields.string("listen") {
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.clone(),
        };
        match numeric.parse::<SocketAddr>() {
            Ok(given) if given.ip().is_loopback() => address = Some(given),
            Ok(_) => {
                let message = format!("`{text}` can be reached from other machines");
                let help = "until there are logins, listen on `127.0.0.1` behind a proxy that asks who it is";
                refuse(&mut fields, "listen", message, help);
            }
            Err(_) => {
                let message = format!("`{}` is not an address to listen on", short(&text));
                refuse(&mut fields, "listen", message, "write `\"127.0.0.1:7717\"`");
            }
        }
    }
    let mut own_url = None;
    if let Some(url) = fields.string("url") {
        if is_web_url(&url) {
            own_url = Some(url.trim_end_matches('/').to_owned());
        } else {
            let message = format!("`{}` is not a web address", short(&url));
            refuse(&mut fields, "url", message, "write `https://keepwell.acme.example`, without a path");
        }
    }
    fields.finish();
    (address, own_url)
}
