//! `notify`: how colleagues get their notices.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::diagnostic::Diagnostic;
use crate::playbook::reader::form::{OFF, VARIABLE};
use crate::playbook::reader::{Fields, Form, Key, Shape, is_variable};
use crate::playbook::schedule::Schedule;
use crate::playbook::yaml::Node;

/// What is said of notices to CSMs; `None` says nothing.
/// The key in the configuration.
pub(super) const NOTIFY_KEY: Key = Key::new("notify", Shape::Form(&NOTIFY), "How colleagues get their notices.");

static NOTIFY: Form =
    Form::new("notify", &[&[Key::new("csm", Shape::Form(&CSM), "How CSMs and managers get their notices.")]]);

static CSM: Form = Form::new(
    "notify.csm",
    &[&[
        Key::new("email", Shape::Boolean, "Whether they get them by e-mail. Default: `true`."),
        Key::new(
            "slack",
            Shape::Either(&[OFF, VARIABLE]),
            "A Slack channel that gets them as well: `env:NAME`, the environment variable with its URL. Default: `off`.",
        ),
        Key::new(
            "digest",
            Shape::Text,
            "When the notices of each colleague are gathered into one mail, such as `\"0 8 * * mon-fri\"`. Default: `off`.",
        ),
    ]],
);

#[derive(Default)]
pub(super) struct CsmNotices {
    pub email: Option<bool>,
    /// An environment variable with the URL of a Slack channel.
    pub slack: Option<String>,
    /// A crontab.
    pub digest: Option<String>,
}

/// Reads `notify`; a digest's crontab is checked in `zone`.
pub(super) fn read(file: &Arc<str>, node: &Node, zone: Tz, problems: &mut Vec<Diagnostic>) -> CsmNotices {
    let mut notices = CsmNotices::default();
    let mut fields = Fields::new(file, node, &NOTIFY, problems);
    if let Some(node) = fields.take("csm") {
        let mut csm = Fields::new(file, node, &CSM, fields.problems());
        notices.email = csm.boolean("email");
        if let Some(text) = csm.text("slack").filter(|text| &*text.text != "off") {
            match text.text.strip_prefix("env:").filter(|name| is_variable(name)) {
                Some(name) => notices.slack = Some(name.to_owned()),
                None => {
                    let problem = text.error("KW0601", 1, 1, "`slack` names an environment variable with the URL");
                    csm.problems().push(problem.help("write `slack: env:SLACK_WEBHOOK_URL`"));
                }
            }
        }
        if let Some(text) = csm.text("digest").filter(|text| &*text.text != "off") {
            match Schedule::parse(&text.text, zone) {
                Ok(_) => notices.digest = Some(text.text.to_string()),
                Err(error) => {
                    let mut problem = text.error("KW0111", 1, error.column as u32, error.message);
                    problem.help = error.help.or(Some("write `\"0 8 * * mon-fri\"`".to_owned()));
                    csm.problems().push(problem);
                }
            }
        }
        csm.finish();
    }
    fields.finish();
    notices
}
