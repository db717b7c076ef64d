//! `notify`: a word to a colleague, by mail.

use std::sync::Arc;

use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::effect::{EffectBody, MessageDraft, NoticeDraft};
use crate::facts::{Cell, CellPath, Subject, Value};
use crate::playbook::reader::{Fields, is_variable};
use crate::playbook::yaml::Node;
use crate::playbook::{Step, StepForm};
use crate::rule::EvalError;
use crate::rule::template::{Escape, Template};

/// The kind `notify`.
pub struct Kind;

/// Whom a notice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Csm,
    Manager,
    AlertsTo,
}

impl Audience {
    pub fn parse(word: &str) -> Option<Audience> {
        match word {
            "csm" => Some(Audience::Csm),
            "manager" => Some(Audience::Manager),
            "alerts_to" => Some(Audience::AlertsTo),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Audience::Csm => "csm",
            Audience::Manager => "manager",
            Audience::AlertsTo => "alerts_to",
        }
    }
}

/// A person, or a channel.
#[derive(Debug)]
enum To {
    Person(Audience),
    /// The environment variable that holds the URL of Slack's incoming webhook.
    Slack(String),
}

#[derive(Debug)]
struct Notify {
    to: To,
    text: Template,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("notify").expected("notice", "notify", &[])
    }

    fn example(&self) -> Option<&'static str> {
        Some("notify: { channel: csm, text: \"…\" }")
    }

    fn summary(&self) -> &'static str {
        "Tells the CSM, the manager or the playbook's owners by mail, or a Slack channel."
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, "the step `notify`", &mut problems).at(step.place);
        let channel = fields.required_text("channel");
        let text = fields.required_text("text");
        let fine = fields.finish();
        compiler.problems.extend(problems);
        let to = channel.and_then(|source| {
            let to = Audience::parse(&source.text).map(To::Person).or_else(|| slack(&source.text).map(To::Slack));
            if to.is_none() {
                let problem = source.error("KW0104", 1, 1, format!("`channel` cannot be `{}`", source.text));
                let help = "write csm, manager, alerts_to or slack:NAME, NAME being an environment variable";
                compiler.problems.push(problem.help(help));
            }
            to
        });
        let text = text.and_then(|source| compiler.template(&source, Escape::Plain, false));
        if !fine {
            return None;
        }
        Some(Arc::new(Notify { to: to?, text: text? }))
    }
}

impl Action for Notify {
    fn reads(&self, reads: &mut Reads) {
        reads.template(&self.text);
        reads.cells.insert(Cell { subject: Subject::Account, path: CellPath::Column("name".to_owned()) });
    }

    fn channel(&self) -> &'static str {
        match self.to {
            To::Person(_) => "notice",
            To::Slack(_) => "slack",
        }
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let text = at.render_internal(&self.text)?;
        Ok(vec![EffectBody::Message(MessageDraft::Notice(match &self.to {
            To::Person(audience) => notice(at, *audience, text),
            To::Slack(variable) => in_slack(at, variable, text),
        }))])
    }
}

/// The variable behind `slack:`.
pub(super) fn slack(channel: &str) -> Option<String> {
    channel.strip_prefix("slack:").filter(|name| is_variable(name)).map(str::to_owned)
}

/// A notice about the account in view for a Slack channel.
pub(super) fn in_slack(at: &Situation, variable: &str, text: String) -> NoticeDraft {
    NoticeDraft {
        audience: format!("slack:{variable}"),
        to: Some(format!("env:{variable}")),
        subject: format!("{}: {}", at.playbook, account_name(at)),
        text,
        // Old news in a channel helps nobody.
        valid_until: at.context.facts.as_of + chrono::Duration::days(3),
    }
}

/// A notice about the account in view.
pub(super) fn notice(at: &Situation, audience: Audience, text: String) -> NoticeDraft {
    let subject = format!("{}: {}", at.playbook, account_name(at));
    addressed(at, audience, subject, text)
}

/// A notice to the CSM, or to the owners where the account has none.
pub(super) fn to_csm(at: &Situation, subject: String, text: String) -> NoticeDraft {
    addressed(at, Audience::Csm, subject, text)
}

/// To the person, or while they are away to whoever covers for them; to the
/// owners where nobody is found.
fn addressed(at: &Situation, audience: Audience, subject: String, text: String) -> NoticeDraft {
    let csm = at.people.csm.as_ref();
    let person = match audience {
        Audience::Csm => csm,
        Audience::Manager => at.people.manager.as_ref().or(csm),
        Audience::AlertsTo => None,
    };
    let taker = person.map(|person| at.taker(person));
    let text = match taker.and_then(|taker| taker.covers) {
        Some(cover) => format!("{}\n\nYou cover for {cover}.", text.trim_end()),
        None => text,
    };
    NoticeDraft {
        audience: audience.name().to_owned(),
        to: taker.map(|taker| taker.csm.email.clone()).or(at.alerts_to.map(str::to_owned)),
        subject,
        text,
        // A word to a colleague is late rather than lost.
        valid_until: at.context.facts.as_of + chrono::Duration::days(30),
    }
}

pub(super) fn account_name(at: &Situation) -> String {
    match at.context.facts.column("name") {
        Some(Value::Text(name)) => name.to_string(),
        _ => at.context.facts.account.clone(),
    }
}
