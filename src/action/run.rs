//! `run`: a script whose calls describe actions and do not perform them.

use std::sync::Arc;

use rhai::{Dynamic, Map};

use super::notify::Audience;
use super::recipient::{Recipient, is_address};
use super::task::{Assignee, due_after};
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::config::Pools;
use crate::effect::{EffectBody, From, MailClass, MessageDraft, Priority, QUIET, ReplyTo, TaskDraft, Words, Written};
use crate::facts::Csm;
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Duration, Step};
use crate::rule::{Described, EvalError, Rule, texts, value_of};

/// The kind `run`.
pub struct Kind;

/// The recipient that means the enrolled contact, in contact playbooks.
const ENROLLED: &str = "contact";

#[derive(Debug)]
struct Run {
    script: Rule,
    pools: Pools,
}

impl StepKind for Kind {
    fn name(&self) -> &'static str {
        "run"
    }

    fn summary(&self) -> &'static str {
        "Runs a script that describes mails, tasks, notices and labels."
    }

    fn parse(&self, _step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let NodeValue::Text(source) = &body.value else {
            compiler.error(
                "KW0103",
                body.place,
                "`run` needs a script",
                Some("write `run: |` and the script on its own lines"),
            );
            return None;
        };
        let pools = compiler.config.pools.clone();
        let script = compiler.script(source)?;
        if script.may_be_transactional() {
            compiler.no_transactional_mail(body.place);
        }
        Some(Arc::new(Run { script, pools }))
    }
}

impl Action for Run {
    fn reads(&self, reads: &mut Reads) {
        reads.rule(&self.script);
        for column in ["name", "locale", "timezone"] {
            reads.cells.insert(crate::facts::Cell {
                subject: crate::facts::Subject::Account,
                path: crate::facts::CellPath::Column(column.to_owned()),
            });
        }
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let mut effects = Vec::new();
        for action in self.script.describe(at.sandbox, at.context)? {
            effects.extend(effect(&action, at, &self.pools)?);
        }
        Ok(effects)
    }

    fn awaits_messages(&self) -> bool {
        true
    }

    fn weighs_load(&self) -> bool {
        !self.pools.is_empty()
    }

    fn roles(&self) -> Vec<String> {
        self.script.addressees().into_iter().filter(|to| !is_address(to) && to != ENROLLED).collect()
    }
}

fn effect(action: &Described, at: &Situation, pools: &Pools) -> Result<Vec<EffectBody>, EvalError> {
    let mut fields = Fields { kind: action.kind, map: action.fields.clone() };
    let effects = match action.kind {
        "email" => email(&mut fields, at)?,
        "task" => vec![task(&mut fields, at, pools)?],
        "set" => set(&mut fields, at)?,
        _ => vec![notify(&mut fields, at)?],
    };
    fields.finish()?;
    Ok(effects)
}

fn email(fields: &mut Fields, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
    let by_default = (!at.context.facts.contact.is_empty()).then(|| vec![ENROLLED.to_owned()]);
    let to = match fields.take("to") {
        Some(value) => texts(&value),
        None => by_default,
    };
    let to = to.ok_or_else(|| fields.wrong("to", "a role, an address or a list"))?;
    let class = fields.word("class", &MailClass::ALL)?.unwrap_or(MailClass::Lifecycle);
    let words = Words { subject: fields.text("subject")?, body: fields.text("body")? };
    let valid_for = fields.duration("valid_for")?.unwrap_or(Duration::Seconds(3 * 86_400));
    let from = fields.word("from", &From::ALL)?.unwrap_or_default();
    let reply_to = match fields.optional_text("reply_to")?.as_deref().map(str::trim) {
        None | Some("csm") => ReplyTo::Csm,
        Some(address) if is_address(address) => ReplyTo::Address(address.to_owned()),
        Some(_) => return Err(fields.wrong("reply_to", "csm or an address")),
    };
    let ignores_quiet = fields.word("quiet", &QUIET)?.unwrap_or(false);
    if ignores_quiet && class != MailClass::Transactional {
        return Err(EvalError::new("`quiet: ignore` is for transactional mail"));
    }
    let written = Written { words, from, reply_to, ignores_quiet };
    let now = at.context.facts.as_of;
    let mut recipients: Vec<Recipient> = Vec::new();
    for word in to {
        let mut reachable = at.people.contacts.iter().filter(|contact| contact.is_reachable(now));
        let found = if word == ENROLLED && !at.context.facts.contact.is_empty() {
            at.enrolled().map(super::recipient::of)
        } else if is_address(&word) {
            let known = reachable
                .find(|contact| contact.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(&word)));
            Some(Recipient {
                contact: known.map_or(String::new(), |contact| contact.id.clone()),
                address: word.clone(),
            })
        } else {
            reachable.find(|contact| contact.role.as_deref() == Some(word.as_str())).map(|contact| Recipient {
                contact: contact.id.clone(),
                address: contact.email.clone().unwrap_or_default(),
            })
        };
        recipients.extend(found.filter(|recipient| !recipients.contains(recipient)));
    }
    Ok(super::email::addressed(at, &recipients, class, valid_for, Some(&written)))
}

fn task(fields: &mut Fields, at: &Situation, pools: &Pools) -> Result<EffectBody, EvalError> {
    let title = fields.text("title")?;
    let description = fields.optional_text("description")?;
    let to = fields.optional_text("to")?.unwrap_or_else(|| "csm".to_owned());
    let assignee = Assignee::parse(&to, pools)
        .ok_or_else(|| fields.wrong("to", "csm, manager, a pool of the configuration or an address"))?;
    let due = fields.duration("due")?;
    let priority = fields.word("priority", &Priority::ALL)?.unwrap_or(Priority::Normal);
    let list = |value: Option<Dynamic>| value.and_then(|value| texts(&value)).unwrap_or_default();
    let (checklist, outcomes) = (list(fields.take("checklist")), list(fields.take("outcomes")));
    let keep = fields.take("keep").and_then(|value| value.as_bool().ok()).unwrap_or(false);
    let draft = TaskDraft { description, checklist, outcomes, keep, ..TaskDraft::new(title, priority) };
    let due = |person: Option<&Csm>| Ok(due.map(|span| due_after(at, span, person)));
    Ok(EffectBody::Task(assignee.give(at, due, draft)?))
}

fn notify(fields: &mut Fields, at: &Situation) -> Result<EffectBody, EvalError> {
    let channel = fields.text("channel")?;
    let text = fields.text("text")?;
    let notice = match (Audience::parse(&channel), super::notify::slack(&channel)) {
        (Some(audience), _) => super::notify::notice(at, audience, text),
        (None, Some(variable)) => super::notify::in_slack(at, &variable, text),
        (None, None) => return Err(fields.wrong("channel", "csm, manager, alerts_to or slack:NAME")),
    };
    Ok(EffectBody::Message(MessageDraft::Notice(notice)))
}

fn set(fields: &mut Fields, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
    let labels = std::mem::take(&mut fields.map);
    let one = |(name, value): (rhai::Identifier, Dynamic)| {
        if let Some(why) = super::set::misnamed(&name) {
            return Err(EvalError::new(why));
        }
        let wrong = || fields.wrong(&name, "a text, a number, a time, true or false");
        super::set::label(&name, value_of(&value).ok_or_else(wrong)?.canonical(at.zone))
    };
    labels.into_iter().map(one).collect()
}

/// The fields of one described action; what is left over is a mistake.
struct Fields {
    kind: &'static str,
    map: Map,
}

impl Fields {
    fn wrong(&self, key: &str, needed: &str) -> EvalError {
        EvalError::new(format!("`{}(#{{…}})`: `{key}` needs {needed}", self.kind))
    }

    fn take(&mut self, key: &str) -> Option<Dynamic> {
        self.map.remove(key).filter(|value| !value.is_unit())
    }

    fn text(&mut self, key: &str) -> Result<String, EvalError> {
        self.optional_text(key)?.ok_or_else(|| self.wrong(key, "text"))
    }

    fn optional_text(&mut self, key: &str) -> Result<Option<String>, EvalError> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => {
                value.into_immutable_string().map(|text| Some(text.to_string())).map_err(|_| self.wrong(key, "text"))
            }
        }
    }

    fn duration(&mut self, key: &str) -> Result<Option<Duration>, EvalError> {
        match self.optional_text(key)? {
            None => Ok(None),
            Some(text) => Duration::parse(&text).map(Some).ok_or_else(|| self.wrong(key, "a duration such as \"3d\"")),
        }
    }

    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, EvalError> {
        match self.optional_text(key)? {
            None => Ok(None),
            Some(text) => match words.iter().find(|(word, _)| *word == text) {
                Some((_, value)) => Ok(Some(*value)),
                None => Err(self.wrong(key, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "))),
            },
        }
    }

    fn finish(self) -> Result<(), EvalError> {
        match self.map.keys().next() {
            Some(key) => Err(EvalError::new(format!("`{}(#{{…}})` has no field `{key}`", self.kind))),
            None => Ok(()),
        }
    }
}
