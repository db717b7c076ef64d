//! `limits`: how long rules may work, so that one slow playbook delays no other.

use std::sync::Arc;
use std::time::Duration;

use super::refusal::refuse;
use crate::diagnostic::Diagnostic;
use crate::playbook::reader::{Fields, Form, Key, Shape};
use crate::playbook::yaml::Node;

/// Time that a processor works; what waits does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// For the rules of one run, about all accounts together.
    pub run: Duration,
    /// For the cases of one playbook, all together.
    pub cases: Duration,
}

/// The keys of `limits`.
pub(super) static LIMITS: Form = Form::new(
    "limits",
    &[&[
        Key::new("run", Shape::Elapsed, "How long the rules of one playbook may work in a run. Default: `2m`."),
        Key::new("cases", Shape::Elapsed, "How long all cases of a playbook may take together. Default: `30s`."),
    ]],
);

impl Default for TimeLimits {
    fn default() -> Self {
        TimeLimits { run: Duration::from_secs(120), cases: Duration::from_secs(30) }
    }
}

impl TimeLimits {
    pub(super) fn read(file: &Arc<str>, node: &Node, problems: &mut Vec<Diagnostic>) -> TimeLimits {
        let default = TimeLimits::default();
        let mut fields = Fields::new(file, node, &LIMITS, problems);
        let run = span(&mut fields, "run").unwrap_or(default.run);
        let cases = span(&mut fields, "cases").unwrap_or(default.cases);
        fields.finish();
        TimeLimits { run, cases }
    }
}

fn span(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Duration> {
    let seconds = u64::try_from(fields.elapsed(key)?).unwrap_or_default();
    if seconds == 0 {
        refuse(fields, key, format!("`{key}` is at least a second"), &format!("write `{key}: 30s` or `{key}: 2m`"));
        return None;
    }
    Some(Duration::from_secs(seconds))
}
