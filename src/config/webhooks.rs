//! `webhooks`: targets beyond public https addresses.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::playbook::reader::{Fields, Form, Key, Shape, is_off, short};
use crate::playbook::yaml::Node;

/// The keys of `webhooks`.
pub(super) static WEBHOOKS: Form = Form::new(
    "webhooks",
    &[&[Key::new(
        "allow",
        Shape::list(&Shape::text_like(".:[0-9]", "a host with a port, such as `hooks.internal:8080`"), 0),
        "Targets beyond public https addresses, such as `\"hooks.internal:8080\"`.",
    )]],
);

/// The entries `host:port` of `allow`.
pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Vec<String> {
    if is_off(node) {
        return Vec::new();
    }
    let mut fields = Fields::new(file, node, &WEBHOOKS, problems);
    let mut allow = Vec::new();
    for entry in fields.texts("allow") {
        if is_target(&entry.text) {
            allow.push(entry.text.trim().to_owned());
        } else {
            let message = format!("`{}` is not a host with a port", short(&entry.text));
            fields.problems().push(entry.error("KW0601", 1, 1, message).help("write `\"hooks.internal:8080\"`"));
        }
    }
    fields.finish();
    allow
}

fn is_target(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#\\".contains(c);
    text.trim().rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(odd) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
