//! `run`: a script whose calls describe actions and do not perform them.
//!
//! The same readers judge a described action when it is described and, as far
//! as it is written out, at `check`.

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use super::email::{NO_REPLY_TO, NOT_QUIET, Text, answers_to};
use super::notice::NoticeAddress;
use super::recipient::Recipients;
use super::task::{Assignee, due_after};
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::config::{Pools, RoleNames};
use crate::effect::{EffectBody, From, MessageDraft, Priority, QUIET, ReplyTo, TaskDraft, Words, Written};
use crate::facts::{Cell, Csm, Subject};
use crate::message::class::Class;
use crate::playbook::reader::{Fields as StepFields, Form, Key, Shape};
use crate::playbook::yaml::{Node, NodeValue};
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::template::Escape;
use crate::rule::{Described, EvalError, Rule, Sandbox, WrittenCall, labels, literals, texts, value_of};

mod fields;

use fields::Fields;

/// The kind `run`.
pub struct Kind;

const RUN: Shape = Shape::Either(&[Shape::Script, Shape::Form(&RUN_KEYS)]);

static RUN_KEYS: Form = Form::new(
    "the step `run`",
    &[&[Key::required(
        "script",
        Shape::Script,
        "A Rhai script: `email(#{…})`, `task(#{…})`, `notify(#{…})` and `set(#{…})` describe what is done.",
    )]],
);

#[derive(Debug)]
struct Run {
    script: Rule,
    pools: Pools,
    enrolled: Subject,
    /// What the store's roles are called in playbooks.
    names: Arc<RoleNames>,
    /// The roles that its mails name in so many words.
    roles: Vec<String>,
    /// The texts in it: only these may be roles or `all`, facts are addresses.
    literals: BTreeSet<String>,
    /// The bodies that are written out, and are Markdown: no fact is in them.
    bodies: BTreeSet<String>,
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm { may_do_anything: true, ..StepForm::new("run").functions(&["done", "outcome", "sent"]) }
    }

    fn summary(&self) -> &'static str {
        "Runs a script that describes mails, tasks, notices and labels."
    }

    fn shape(&self) -> Shape {
        RUN
    }

    fn labels(&self, body: &Node, sandbox: &Sandbox) -> Option<BTreeSet<String>> {
        script(body).map_or_else(|| Some(BTreeSet::new()), |script| labels(script, sandbox))
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let source = match &body.value {
            NodeValue::Text(source) => source.clone(),
            NodeValue::Mapping(_) => {
                let mut problems = Vec::new();
                let mut keys = StepFields::new(&compiler.file, body, &RUN_KEYS, &mut problems).at(step.place);
                let script = keys.required_text("script");
                let fine = keys.finish();
                compiler.problems.extend(problems);
                script.filter(|_| fine)?
            }
            _ => {
                let help = "write `run: |` and the script on its own lines";
                compiler.error("KW0103", body.place, "`run` needs a script", Some(help));
                return None;
            }
        };
        let calls = WrittenCall::all(&source, compiler.sandbox).unwrap_or_default();
        let before = compiler.problems.len();
        calls.iter().for_each(|call| judge(call, &source, compiler));
        let fine = compiler.problems.len() == before;
        let script = compiler.script(&source)?;
        let mails: Vec<&WrittenCall> = calls.iter().filter(|call| call.kind == "email").collect();
        if mails.iter().any(|mail| may_be_transactional(mail)) {
            compiler.no_transactional_mail(body.place);
        }
        let written = |name: &'static str| {
            let value = move |mail: &&WrittenCall| mail.field(name).and_then(|field| texts(field.value.as_ref()?));
            mails.iter().filter_map(value).flatten()
        };
        let roles = written("to").filter_map(|to| Recipients::word(&to, true, compiler.subject)?.ok());
        let roles = roles.flat_map(|to| to.with_names(&compiler.schema.roles).roles()).collect();
        let bodies = written("body").collect();
        let pools = compiler.config.pools.clone();
        let literals = literals(&source, compiler.sandbox);
        fine.then(|| {
            let (enrolled, names) = (compiler.subject, compiler.schema.roles.clone());
            Arc::new(Run { script, pools, enrolled, names, roles, literals, bodies }) as Arc<dyn Action>
        })
    }
}

/// The script of a `run` step, whichever way it is written.
fn script(body: &Node) -> Option<&Source> {
    let node = match &body.value {
        NodeValue::Mapping(keys) => &keys.iter().find(|entry| entry.key == "script")?.node,
        _ => body,
    };
    match &node.value {
        NodeValue::Text(source) => Some(source),
        _ => None,
    }
}

/// Says what is wrong with what is written out of a described action.
fn judge(call: &WrittenCall, source: &Source, compiler: &mut Compiler) {
    let Some(given) = &call.fields else { return };
    let mut fields = Fields::written(call.kind, given);
    match call.kind {
        "email" => drop(Mail::read(&mut fields, compiler.subject, None)),
        "task" => drop(task(&mut fields, &compiler.config.pools)),
        "notify" => drop(read_notice(&mut fields)),
        _ => return,
    }
    for misfit in fields.misfits() {
        let field = misfit.field.and_then(|name| call.field(&name));
        let (line, column) = match field {
            Some(field) if misfit.code == "KW0101" => field.name_place,
            Some(field) => field.place,
            None => call.place,
        };
        let mut problem = source.error(misfit.code, line, column, misfit.message);
        problem.help = misfit.help;
        compiler.problems.push(problem);
    }
}

/// Whether a mail is transactional, or cannot be seen not to be.
fn may_be_transactional(mail: &WrittenCall) -> bool {
    let class = mail.field("class").map(|field| field.value.as_ref().and_then(texts));
    match class {
        None => mail.fields.is_none(),
        Some(None) => true,
        Some(Some(class)) => class == ["transactional"],
    }
}

impl Action for Run {
    fn reads(&self, reads: &mut Reads) {
        reads.rule(&self.script);
        reads.cells.extend(["name", "locale", "timezone"].map(|column| Cell::column(Subject::Account, column)));
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let mut effects = Vec::new();
        for action in self.script.describe(at.sandbox, at.context)? {
            effects.extend(self.effect(action, at)?);
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
        self.roles.clone()
    }
}

impl Run {
    fn effect(&self, action: Described, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        if action.kind == "set" {
            return set(action.fields, at);
        }
        let mut fields = Fields::new(action.kind, action.fields);
        match action.kind {
            "email" => {
                let mail = Mail::read(&mut fields, self.enrolled, Some(&self.literals));
                let mail = fields.finish(mail)?;
                let (from, reply_to) = (mail.from, mail.reply_to.clone());
                let written = Written { words: self.words(&mail), from, reply_to, ignores_quiet: mail.ignores_quiet };
                let to = mail.to.with_names(&self.names).resolve(at)?;
                Ok(super::email::addressed(at, &to, mail.class, mail.valid_for, Text::Written(&written)))
            }
            "task" => {
                let task = task(&mut fields, &self.pools);
                let (assignee, due, draft) = fields.finish(task)?;
                let due = |person: Option<&Csm>| Ok(due.map(|span| due_after(at, span, person)));
                Ok(vec![EffectBody::Task(assignee.give(at, due, draft)?)])
            }
            _ => {
                let notice = read_notice(&mut fields);
                let (to, text) = fields.finish(notice)?;
                Ok(vec![EffectBody::Message(MessageDraft::Notice(to.notice(at, text)))])
            }
        }
    }

    /// What a mail says. A body that was put together holds facts, and is read
    /// as it stands: no value becomes a link.
    fn words(&self, mail: &Mail) -> Words {
        let body = if self.bodies.contains(&mail.body) { mail.body.clone() } else { Escape::Markdown.text(&mail.body) };
        Words { subject: Escape::Plain.text(&mail.subject).trim().to_owned(), body, language: None }
    }
}

/// A described mail.
struct Mail {
    to: Recipients,
    class: Class,
    subject: String,
    body: String,
    from: From,
    reply_to: ReplyTo,
    ignores_quiet: bool,
    valid_for: Duration,
}

impl Mail {
    /// What is not among the `literals` of the script was calculated.
    fn read(fields: &mut Fields, enrolled: Subject, literals: Option<&BTreeSet<String>>) -> Option<Mail> {
        let to = match (fields.has("to"), enrolled) {
            (false, Subject::Contact) => Some(Recipients::Contact),
            _ => fields.required("to").and_then(|to| recipients(fields, &to, enrolled, literals)),
        };
        let (subject, body) = (fields.words("subject"), fields.words("body"));
        // What only the run shows is judged then.
        let class_is_known = !fields.is_calculated("class");
        let class = fields.word("class", &Class::OF_MAIL).unwrap_or(Class::Lifecycle);
        let from = fields.word("from", &From::ALL).unwrap_or_default();
        let reply_to = answers_to(fields.text("reply_to").as_deref());
        if reply_to.is_none() {
            fields.refuse("reply_to", "KW0115", NO_REPLY_TO.to_owned(), None);
        }
        let ignores_quiet = fields.word("quiet", &QUIET).unwrap_or(false);
        if ignores_quiet && class_is_known && class != Class::Transactional {
            fields.refuse("quiet", "KW0104", NOT_QUIET.0.to_owned(), Some(NOT_QUIET.1.to_owned()));
        }
        let valid_for = fields.duration("valid_for").unwrap_or(Duration::Seconds(3 * 86_400));
        Some(Mail {
            to: to?,
            class,
            subject: subject?,
            body: body?,
            from,
            reply_to: reply_to?,
            ignores_quiet,
            valid_for,
        })
    }
}

fn recipients(
    fields: &mut Fields,
    to: &Dynamic,
    enrolled: Subject,
    literals: Option<&BTreeSet<String>>,
) -> Option<Recipients> {
    const NEEDED: &str = "a role, an address or a list of them";
    let Some(words) = texts(to) else { return fields.wrong("to", NEEDED) };
    let mut each = Vec::new();
    for word in words {
        if literals.is_some_and(|literals| !literals.contains(&word)) {
            // As in a step: nobody where it is empty, else an address.
            each.extend(
                Some(word.trim()).filter(|word| !word.is_empty()).map(|word| Recipients::Address(word.to_owned())),
            );
            continue;
        }
        match Recipients::word(&word, true, enrolled) {
            Some(Ok(one)) => each.push(one),
            Some(Err((message, help))) => fields.refuse("to", "KW0115", message, Some(help)),
            None => fields.wrong("to", NEEDED)?,
        }
    }
    Some(Recipients::Each(each))
}

fn task(fields: &mut Fields, pools: &Pools) -> Option<(Assignee, Option<Duration>, TaskDraft)> {
    let title = fields.words("title");
    let description = fields.text("description");
    let to = fields.text("to").unwrap_or_else(|| "csm".to_owned());
    let assignee = Assignee::parse(&to, pools)
        .or_else(|| fields.wrong("to", "csm, manager, a pool of the configuration or an address"));
    let due = fields.duration("due");
    let priority = fields.word("priority", &Priority::ALL).unwrap_or(Priority::Normal);
    let (checklist, outcomes) = (fields.list("checklist"), fields.list("outcomes"));
    let keep = fields.boolean("keep").unwrap_or(false);
    let draft = TaskDraft { description, checklist, outcomes, keep, ..TaskDraft::new(title?, priority) };
    Some((assignee?, due, draft))
}

/// Reads a described notice: where it goes, and its text.
fn read_notice(fields: &mut Fields) -> Option<(NoticeAddress, String)> {
    let channel = fields.required("channel").and_then(|channel| fields.as_text("channel", channel));
    let text = fields.words("text");
    match NoticeAddress::parse(&channel?) {
        Some(to) => Some((to, text?)),
        None => fields.wrong("channel", &NoticeAddress::expected()),
    }
}

fn set(labels: Map, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
    let one = |(name, value): (rhai::Identifier, Dynamic)| {
        if let Some(why) = super::label::name_problem(&name) {
            return Err(EvalError::new(why));
        }
        let wrong = || EvalError::new(format!("the label `{name}` is a text, a number, a time, true or false"));
        super::label::effect(&name, value_of(&value).ok_or_else(wrong)?.canonical(at.zone))
    };
    labels.into_iter().map(one).collect()
}
