//! `task`: something for a colleague to do.

use std::sync::Arc;

use super::recipient::is_address;
use super::{Action, Compiler, Reads, Situation, StepKind};
use crate::clock::Instant;
use crate::diagnostic::Diagnostic;
use crate::effect::{EffectBody, Priority, TaskDraft};
use crate::facts::{Cell, CellPath, Csm, Subject, Value};
use crate::playbook::calendar::Calendar;
use crate::playbook::reader::Fields;
use crate::playbook::yaml::Node;
use crate::playbook::{Duration, Source, Step};
use crate::rule::template::{Escape, Template};
use crate::rule::{EvalError, Rule, Wanted};

/// The kind `task`.
pub struct Kind;

/// A task step.
#[derive(Debug)]
pub struct Task {
    title: Template,
    description: Option<Template>,
    to: Assignee,
    due: Option<Due>,
    priority: Priority,
    checklist: Vec<Template>,
    outcomes: Vec<String>,
    pub close_when: CloseWhen,
    keep: bool,
}

/// What closes a task by itself.
#[derive(Debug)]
pub enum CloseWhen {
    /// The playbook's goal, if it has one.
    Goal,
    Off,
    Rule(Arc<Rule>),
}

/// Who gets a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assignee {
    Csm,
    Manager,
    Address(String),
}

#[derive(Debug)]
enum Due {
    After(Duration),
    At(Arc<Rule>),
}

impl Assignee {
    /// Reads `to:` of a task.
    pub fn parse(word: &str) -> Option<Assignee> {
        match word {
            "csm" => Some(Assignee::Csm),
            "manager" => Some(Assignee::Manager),
            address if is_address(address) => Some(Assignee::Address(address.to_owned())),
            _ => None,
        }
    }

    /// The person's id or address, and the colleague behind it. A manager that
    /// does not exist is the CSM; an account without CSM leaves it unassigned.
    fn find<'a>(&self, at: &'a Situation) -> (Option<String>, Option<&'a Csm>) {
        let person = match self {
            Assignee::Csm => at.people.csm.as_ref(),
            Assignee::Manager => at.people.manager.as_ref().or(at.people.csm.as_ref()),
            Assignee::Address(address) => return (Some(address.clone()), None),
        };
        (person.map(|csm| csm.id.clone()), person)
    }
}

impl StepKind for Kind {
    fn name(&self) -> &'static str {
        "task"
    }

    fn summary(&self) -> &'static str {
        "Gives the CSM something to do, which closes itself when the problem is gone."
    }

    fn parse(&self, step: &Step, body: &Node, compiler: &mut Compiler) -> Option<Arc<dyn Action>> {
        let mut problems = Vec::new();
        let mut fields = Fields::new(&compiler.file, body, "the step `task`", &mut problems).at(step.place);
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

        let to = match &to {
            None => Some(Assignee::Csm),
            Some(source) => assignee(source, compiler),
        };
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

fn assignee(source: &Source, compiler: &mut Compiler) -> Option<Assignee> {
    let word = source.text.trim();
    let found = Assignee::parse(word);
    if found.is_none() {
        let problem: Diagnostic = if let Some(pool) = word.strip_prefix("pool:") {
            source
                .error("KW0901", 1, 1, format!("pools such as `{pool}` are not yet supported"))
                .help("write `to: csm`")
        } else {
            source
                .error("KW0115", 1, 1, format!("a task cannot go to `{word}`"))
                .help("write csm, manager or an address")
        };
        compiler.problems.push(problem);
    }
    found
}

/// A time expression; a misspelt duration gets advice on durations.
fn due_expression(source: &Source, compiler: &mut Compiler) -> Option<Due> {
    if source.text.trim().starts_with(|c: char| c.is_ascii_digit()) {
        let problem = source.error("KW0110", 1, 1, format!("`{}` is not a duration", source.text));
        compiler.problems.push(problem.help("write `30m`, `12h`, `3d`, `2w` or `2 business days`"));
        return None;
    }
    compiler.expression(source, Wanted::Time, false).map(|rule| Due::At(Arc::new(rule)))
}

impl Action for Task {
    fn reads(&self, reads: &mut Reads) {
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
        let (assignee, person) = self.to.find(at);
        let title = match at.render_internal(&self.title) {
            Ok(title) => title,
            // A task must not be lost to a template: the CSM sees the account and the fault.
            Err(error) => format!(
                "{} ({}; the title could not be written: {error})",
                super::notify::account_name(at),
                at.playbook
            ),
        };
        let description = self.description.as_ref().map(|template| {
            at.render_internal(template)
                .unwrap_or_else(|error| format!("(The description could not be written: {error})"))
        });
        let checklist = self.checklist.iter().filter_map(|template| at.render_internal(template).ok()).collect();
        Ok(vec![EffectBody::Task(TaskDraft {
            title: title.trim().to_owned(),
            description,
            assignee,
            due_at: self.due_at(at, person)?,
            priority: self.priority,
            checklist,
            outcomes: self.outcomes.clone(),
            keep: self.keep,
        })])
    }

    fn task(&self) -> Option<&Task> {
        Some(self)
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

/// A task from fields that a script gave.
pub(super) fn described(
    at: &Situation,
    assignee: &Assignee,
    due: Option<Duration>,
    fill: impl FnOnce(Option<String>, Option<Instant>) -> TaskDraft,
) -> EffectBody {
    let (id, person) = assignee.find(at);
    EffectBody::Task(fill(id, due.map(|span| due_after(at, span, person))))
}
