//! Reading `guardrails:`, in a playbook and in the configuration.

use std::sync::Arc;

use super::reader::{Fields, is_off, share};
use super::yaml::Node;
use super::{Guardrails, HoldAbove};
use crate::diagnostic::Diagnostic;

/// Reads guardrails; what is wrong is added to `problems`.
pub fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Guardrails {
    const INSTEAD: &str = "write `off`, or remove the key";
    let mut fields = Fields::new(file, node, "guardrails", problems);
    let hold_above = fields.take("hold_above").and_then(|node| hold_above(file, node, fields.problems()));
    for key in ["ramp", "unusual", "store_change", "max_per_day", "fresh", "yields_to"] {
        fields.not_yet(key, INSTEAD, is_off);
    }
    fields.not_yet("first_run", "write `go`, or remove the key", |node| is_off(node) || node.as_text() == Some("go"));
    fields.finish();
    Guardrails { hold_above }
}

/// `off`, or a mapping whose missing key keeps its default.
fn hold_above(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<HoldAbove> {
    const HELP: &str = "write `{ count: 25, share: 2% }` or `off`";
    if is_off(node) {
        return Some(HoldAbove::Off);
    }
    if node.as_mapping().is_none() {
        let message = format!("`hold_above` needs `count` and `share`, not {}", node.found());
        problems.push(Diagnostic::error("KW0103", file, node.place, message).help(HELP));
        return None;
    }
    let (mut count, mut part) = match HoldAbove::default() {
        HoldAbove::Above { count, share } => (count, share),
        HoldAbove::Off => (0, 0.0),
    };
    let mut fields = Fields::new(file, node, "hold_above", problems);
    if let Some(given) = fields.int_within("count", 0, 1_000_000_000) {
        count = given.unsigned_abs();
    }
    if let Some(node) = fields.take("share") {
        match node.as_text().and_then(share) {
            Some(given) => part = given,
            None => {
                let message = "`share` is a percentage from `0%` to `100%`";
                fields.error_with_help("KW0103", node.place, message, HELP);
            }
        }
    }
    let ok = fields.finish();
    ok.then_some(HoldAbove::Above { count, share: part })
}
