//! `task`: something for a colleague to do.

use std::sync::Arc;

use super::owner::Owner;
use super::staff::Taker;
use super::{Action, CloseWhen, Compiler, Reads, Situation, StepKind};
use crate::address::parse_address;
use crate::clock::Instant;
use crate::config::Pools;
use crate::diagnostic::nearest;
use crate::effect::{EffectBody, Priority, TaskDraft};
use crate::facts::{Cell, CellPath, Csm, Subject, Type, Value};
use crate::playbook::calendar::Calendar;
use crate::playbook::document::Survey;
use crate::playbook::reader::form::words;
use crate::playbook::reader::{Fields, Form, Key, NameOf, Shape, Written, no_duration};
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Source, Step, StepForm};
use crate::rule::template::{Escape, Template};
use crate::rule::{EvalError, NamedStep, Rule, Wanted};

/// The kind `task`.
pub struct Kind;

const PRIORITY_WORDS: &[&str] = &words(&Priority::ALL);

static TASK: Form = Form::new(
    "the step `task`",
    &[&[
        Key::required("title", Shape::Template, "What is to be done: a template."),
        Key::new("description", Shape::Template, "More about it: a template."),
        Key::new(
            "to",
            Shape::Name(NameOf::Assignee),
            "Who gets it: `csm` (default), `manager`, `pool:NAME` or an address.",
        ),
        Key::new(
            "due",
            Shape::Text,
            "A span such as `2 business days`, in the calendar of the person who gets it, or an expression for an instant.",
        ),
        Key::new("priority", Shape::Words(PRIORITY_WORDS), "`low`, `normal` (default), `high` or `urgent`."),
        Key::new("checklist", Shape::list(&Shape::Template, 0), "Lines to tick off."),
        Key::new(
            "outcomes",
            Shape::list(&Shape::Text, 0),
            "Results to choose from; later steps read `outcome(\"id\")`.",
        ),
        Key::new(
            "close_when",
            Shape::Expression,
            "Closes the task by itself. Default: the playbook's goal; `off` turns it off.",
        ),
        Key::new("keep", Shape::Boolean, "`true`: stays open when the enrollment is stopped."),
    ]],
);

/// A task step.
#[derive(Debug)]
struct Task {
    title: Template,
    description: Option<Template>,
    to: Assignee,
    due: Option<Due>,
    priority: Priority,
    checklist: Vec<Template>,
    /// What may be chosen; empty is anything.
    outcomes: Vec<String>,
    close_when: CloseWhen,
    keep: bool,
}

/// Who gets a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assignee {
    Csm,
    Manager,
    Pool { name: String, members: Arc<[String]> },
    Address(String),
    Owner(Owner),
}

/// How long after its due instant an open task is reported to the manager, in
/// its assignee's calendar.
pub const ESCALATED_AFTER: Duration = Duration::BusinessDays(2);

#[derive(Debug)]
enum Due {
    After(Duration),
    At(Arc<Rule>),
}

impl Assignee {
    /// Reads `to:` of a task; `None` is not something a task can go to.
    pub fn parse(word: &str, pools: &Pools) -> Option<Assignee> {
        match word {
            "csm" => Some(Assignee::Csm),
            "manager" => Some(Assignee::Manager),
            word => match word.strip_prefix("pool:") {
                Some(name) => {
                    let name = name.trim();
                    pools.get(name).map(|members| Assignee::Pool { name: name.to_owned(), members: members.clone() })
                }
                None => parse_address(word).ok().map(Assignee::Address),
            },
        }
    }

    /// The colleague who takes it; nobody where it goes to an address. A manager
    /// or an owner that does not exist is the CSM, and so is a pool without a colleague;
    /// while somebody is away, their backup.
    fn taker<'a>(&self, at: &'a Situation) -> Option<Taker<'a>> {
        let csm = at.people.csm.as_ref();
        let person = match self {
            Assignee::Address(_) => return None,
            Assignee::Csm => csm,
            Assignee::Manager => at.people.manager.as_ref().or(csm),
            Assignee::Owner(owner) => owner.find(at).or(csm),
            Assignee::Pool { members, .. } => {
                let member = at.staff.of_pool(members, at.context.facts.as_of, at.zone);
                if member.is_some() {
                    return member;
                }
                csm
            }
        };
        person.map(|csm| at.taker(csm))
    }

    /// The task for whoever takes it, due in their calendar. Without a CSM it is
    /// unassigned.
    pub(super) fn give(
        &self,
        at: &Situation,
        due: impl FnOnce(Option<&Csm>) -> Result<Option<Instant>, EvalError>,
        draft: TaskDraft,
    ) -> Result<TaskDraft, EvalError> {
        let taker = self.taker(at);
        let person = taker.map(|taker| taker.csm);
        let due_at = due(person)?;
        let zone = at.assignee_zone(person);
        Ok(TaskDraft {
            assignee: match self {
                Assignee::Address(address) => Some(address.clone()),
                _ => person.map(|csm| csm.id.clone()),
            },
            reason: taker.and_then(|taker| taker.covers).map(|cover| format!("covers for {cover}")),
            pool: match self {
                Assignee::Pool { name, .. } => Some(name.clone()),
                _ => None,
            },
            due_at,
            escalate_at: due_at.map(|due| Calendar::add(at.calendar, due, ESCALATED_AFTER, zone)),
            ..draft
        })
    }
}

impl StepKind for Kind {
    fn form(&self) -> StepForm {
        StepForm::new("task").expected("task", "task", &[]).functions(&["done", "outcome"])
    }

    fn example(&self) -> Option<&'static str> {
        Some("task: { title: \"…\", to: csm, due: 2 business days }")
    }

    fn summary(&self) -> &'static str {
        "Gives the CSM something to do, which closes itself when the problem is gone."
    }

    fn suits_portfolio(&self) -> bool {
        true
    }

    fn shape(&self) -> Shape {
        Shape::Form(&TASK)
    }

    fn named(&self, id: &str, function: &str, body: &Node, _surveys: &[Arc<Survey>]) -> NamedStep {
        if function != "outcome" {
            return NamedStep::new(id);
        }
        let outcomes = body.as_mapping().unwrap_or_default().iter().find(|entry| entry.key == "outcomes");
        let texts = outcomes.and_then(|entry| entry.node.as_sequence()).unwrap_or_default();
        let texts = texts.iter().filter_map(|text| text.as_text()).map(str::to_owned).collect();
        NamedStep { ty: Type::Text, texts, ..NamedStep::new(id) }
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, &TASK, &mut problems).at(step.place);
        let title = fields.required_text("title");
        let description = fields.text("description");
        let to = fields.text("to");
        let due = fields.text("due");
        let priority = fields.one_of("priority", &Priority::ALL).unwrap_or(Priority::Normal);
        let checklist = fields.texts("checklist");
        let outcomes = fields.texts("outcomes").iter().map(|source| source.text.to_string()).collect();
        let close_when = fields.expression("close_when");
        let keep = fields.boolean("keep").unwrap_or(false);
        let fine = fields.finish();
        compiler.problems.extend(problems);

        let to_place = to.clone();
        let to = match &to {
            None => Some(Assignee::Csm),
            Some(source) => assignee(source, compiler),
        };
        if compiler.portfolio.is_some() {
            check_of_portfolio(step, to_place.as_ref(), &close_when, compiler);
        }
        let due = match &due {
            None => Some(None),
            Some(source) => match Duration::parse(&source.text) {
                Some(span) => Some(Some(Due::After(span))),
                None => due_expression(source, compiler).map(Some),
            },
        };
        let close_when = match &close_when {
            None => Some(CloseWhen::Goal),
            Some(source) if &*source.text == "off" => Some(CloseWhen::Off),
            Some(source) => {
                compiler.expression(source, Wanted::Verdict, false).map(|rule| CloseWhen::Rule(Arc::new(rule)))
            }
        };
        let title = title.and_then(|source| compiler.template(&source, Escape::Plain, false));
        let description = match &description {
            None => Some(None),
            Some(source) => compiler.template(source, Escape::Plain, false).map(Some),
        };
        let checklist: Vec<_> =
            checklist.iter().map(|source| compiler.template(source, Escape::Plain, false)).collect();
        if !fine {
            return None;
        }
        Some(Arc::new(Task {
            title: title?,
            description: description?,
            to: to?,
            due: due?,
            priority,
            checklist: checklist.into_iter().collect::<Option<Vec<_>>>()?,
            outcomes,
            close_when: close_when?,
            keep,
        }))
    }
}

/// What a task about all accounts cannot say.
fn check_of_portfolio(step: &Step, to: Option<&Source>, close_when: &Option<Source>, compiler: &mut Compiler) {
    match to {
        Some(to) => compiler.no_colleague_of_all(to),
        None if compiler.portfolio.is_some_and(|portfolio| !portfolio.per_csm) => {
            let help = "say with `to` who gets it: `pool:NAME` or an address; or add `per: csm`";
            compiler.error("KW0115", step.place, "all accounts together have no one `csm`", Some(help));
        }
        None => {}
    }
    if let Some(source) = close_when.as_ref().filter(|source| &*source.text != "off") {
        let message = "a task about all accounts is closed by a person";
        compiler.problems.push(source.error("KW0104", 1, 1, message).help("remove `close_when`"));
    }
}

fn assignee(source: &Source, compiler: &mut Compiler) -> Option<Assignee> {
    let word = source.text.trim();
    let pools = &compiler.config.pools;
    let found = Assignee::parse(word, pools).or_else(|| Owner::parse(word).map(Assignee::Owner));
    if let Some(Assignee::Owner(owner)) = &found {
        owner.check(source, compiler);
    }
    if found.is_none() {
        let problem = match word.strip_prefix("pool:").map(str::trim) {
            Some(pool) => {
                let help = match nearest(pool, pools.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `pool:{near}`?"),
                    None if pools.is_empty() => format!("add `pools: {{ {pool}: [csm-1, csm-2] }}` to keepwell.yaml"),
                    None => {
                        let known: Vec<String> = pools.keys().map(|name| format!("`{name}`")).collect();
                        format!("the configuration has the pools {}", known.join(", "))
                    }
                };
                source.error("KW0109", 1, 1, format!("there is no pool `{pool}`")).help(help)
            }
            None => {
                let help = "write csm, manager, owner(\"ROLE\"), pool:NAME or an address";
                source.error("KW0115", 1, 1, format!("a task cannot go to `{word}`")).help(help)
            }
        };
        compiler.problems.push(problem);
    }
    found
}

/// A time expression; a misspelt duration gets advice on durations.
fn due_expression(source: &Source, compiler: &mut Compiler) -> Option<Due> {
    if source.text.trim().starts_with(|c: char| c.is_ascii_digit()) {
        compiler.problems.push(no_duration(
            &compiler.file,
            "due",
            Written { at: source.origin.at(1, 1), text: &source.text },
        ));
        return None;
    }
    compiler.expression(source, Wanted::Time, false).map(|rule| Due::At(Arc::new(rule)))
}

impl Action for Task {
    fn reads(&self, reads: &mut Reads) {
        if let Assignee::Owner(owner) = &self.to {
            owner.reads(reads);
        }
        reads.template(&self.title);
        self.description.iter().for_each(|template| reads.template(template));
        self.checklist.iter().for_each(|template| reads.template(template));
        if let Some(Due::At(rule)) = &self.due {
            reads.rule(rule);
        }
        if let CloseWhen::Rule(rule) = &self.close_when {
            reads.rule(rule);
        }
        reads.cells.insert(Cell { subject: Subject::Account, path: CellPath::Column("name".to_owned()) });
    }

    fn effects(&self, at: &Situation) -> Result<Vec<EffectBody>, EvalError> {
        let title = match at.render_internal(&self.title) {
            Ok(title) => title,
            // A task must not be lost to a template: the CSM sees the account and the fault.
            Err(error) => format!(
                "{} ({}; the title could not be written: {error})",
                super::notice::account_name(at),
                at.playbook
            ),
        };
        let written = |what: &str, template: &Template| {
            at.render_internal(template).unwrap_or_else(|error| format!("({what} could not be written: {error})"))
        };
        let description = self.description.as_ref().map(|template| written("The description", template));
        let checklist = self.checklist.iter().map(|template| written("This line", template)).collect();
        let draft = TaskDraft {
            description,
            checklist,
            outcomes: self.outcomes.clone(),
            keep: self.keep,
            ..TaskDraft::new(title.trim().to_owned(), self.priority)
        };
        Ok(vec![EffectBody::Task(self.to.give(at, |person| self.due_at(at, person), draft)?)])
    }

    fn close_when(&self) -> &CloseWhen {
        &self.close_when
    }

    fn outcomes(&self) -> &[String] {
        &self.outcomes
    }

    fn weighs_load(&self) -> bool {
        matches!(self.to, Assignee::Pool { .. })
    }
}

impl Task {
    fn due_at(&self, at: &Situation, person: Option<&Csm>) -> Result<Option<Instant>, EvalError> {
        Ok(match &self.due {
            None => None,
            Some(Due::After(span)) => Some(due_after(at, *span, person)),
            Some(Due::At(rule)) => match rule.value(at.sandbox, at.context)? {
                Value::Time(time) => Some(time),
                _ => None,
            },
        })
    }
}

/// A due instant in the assignee's calendar.
pub(super) fn due_after(at: &Situation, span: Duration, person: Option<&Csm>) -> Instant {
    Calendar::add(at.calendar, at.context.facts.as_of, span, at.assignee_zone(person))
}
