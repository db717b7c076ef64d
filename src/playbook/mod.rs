//! From files to playbooks: what authors write, parsed once into types that
//! cannot be wrong in form.
//!
//! `folder` finds the files, `source` reads them and `folder_claim` knows who
//! publishes them, `yaml` turns text into nodes that know their place, `parse`
//! reads the keys of a playbook, which `form` lists (`trigger` those of `on`, `portfolio` those of a playbook about all accounts), `schedule` answers when it is
//! due, `case` holds the test cases inside it, `changes` says in words how two texts
//! differ, `document` reads the files of other kinds. Expressions and templates stay text here ([`Source`]); `rule` and `action`
//! give them meaning. Nothing in this folder knows SQL, Rhai or the time; the first
//! three alone touch files.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::diagnostic::{Diagnostic, Position};

pub mod budget;
pub mod calendar;
pub mod case;
pub mod changes;
pub mod document;
pub mod duration;
mod folder;
pub mod folder_claim;
pub mod form;
pub mod guardrails;
pub mod language;
pub mod local_time;
pub mod opt_outs;
pub mod parse;
pub mod portfolio;
pub mod quiet_hours;
pub mod reader;
pub mod renaming;
pub mod scale;
pub mod schedule;
pub mod season;
pub mod source;
mod step_form;
pub mod steps;
pub mod timezone;
pub mod trigger;
pub mod trips;
pub mod yaml;

pub use duration::Duration;
pub use guardrails::{Guardrails, HoldAbove};
pub use step_form::{BodyForm, ExpectedForm, StepForm};

/// A playbook as its author wrote it, checked in form.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// Stable id, `[a-z0-9-]`, never derived from the file's name.
    pub id: String,
    /// The ids it had before, whose history it carries on. `None` where nothing is
    /// said; empty where it says that it is new.
    pub was: Option<Vec<Source>>,
    /// The file it came from, as it was named when it was read.
    pub file: Arc<str>,
    /// The whole text of the file.
    pub text: Arc<str>,
    /// Where the `playbook:` key stands.
    pub place: Position,
    pub about: Option<String>,
    /// The address that gets alerts of holds and failures; the configuration's default when absent.
    pub alerts_to: Option<String>,
    pub mode: Mode,
    pub subject: SubjectKind,
    /// Of a playbook for the portfolio: what it is about.
    pub portfolio: Option<portfolio::Portfolio>,
    /// Account statuses it is for.
    pub statuses: Vec<String>,
    /// Lifecycle stages it suits; `None` is every stage.
    pub stages: Option<Vec<String>>,
    /// When it is looked at; every minute where there is only `on`.
    pub schedule: Source,
    /// The event that makes a subject a candidate; `None` where all are.
    pub on: Option<trigger::EventTrigger>,
    /// The zone of its schedule, waits and dates; the configuration's when absent.
    pub timezone: Option<Tz>,
    /// The trigger.
    pub when: Source,
    /// How long `when` must have stayed true before a subject enters.
    pub holds_for: Option<Duration>,
    /// Whether subjects that match at the very first run stay outside.
    pub skip_existing: bool,
    pub reentry: Reentry,
    /// 0..=100, higher wins a shared budget.
    pub mail_priority: u8,
    pub goal: Option<Source>,
    /// How long after the end a goal still counts.
    pub goal_window: Duration,
    pub exit: Option<Source>,
    pub suppress: Option<Source>,
    /// The share of accounts (0..1) that gets nothing, for comparison.
    pub holdout: Option<f64>,
    pub guardrails: Guardrails,
    pub steps: Vec<Step>,
    pub tests: Vec<case::Case>,
    pub places: Places,
    /// The survey that it asks, where its file is one.
    pub survey: Option<Arc<document::Survey>>,
}

impl Playbook {
    /// The first key of its file.
    pub fn first_key(&self) -> &'static str {
        if self.survey.is_some() { document::SURVEY_WORD } else { document::PLAYBOOK_WORD }
    }
}

/// Where keys stand whose values are judged later, with the customer store in view.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Of each status that the text names.
    pub statuses: Vec<Position>,
    pub stages: Option<Position>,
    pub holdout: Option<Position>,
}

/// Whether a playbook acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It acts.
    Live,
    /// It decides and records, and nothing leaves.
    Shadow,
    /// Nothing of it happens: no run, no step, no mail.
    Paused,
}

/// What a playbook enrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    Account,
    Contact,
    /// All accounts together, or those of each CSM.
    Portfolio,
}

/// When a subject may be enrolled again.
#[derive(Clone, Debug)]
pub enum Reentry {
    /// One enrollment per subject, ever.
    Never,
    /// One for each time that the condition turns true, and at least `gap`
    /// after the previous one started.
    OnRematch { gap: Option<Duration> },
    /// One per distinct value of `once_per`, and at least `gap` after the
    /// previous one started; at least one of the two is given.
    Again { once_per: Option<Source>, gap: Option<Duration> },
}

impl Reentry {
    /// What it says, in one canonical text: two that are equal mean the same.
    pub fn canonical(&self) -> String {
        let text = |gap: &Option<Duration>| gap.map_or("-".to_owned(), |gap| gap.to_string());
        match self {
            Reentry::Never => "never".to_owned(),
            Reentry::OnRematch { gap } => format!("on rematch, gap {}", text(gap)),
            Reentry::Again { once_per, gap } => {
                let key = once_per.as_ref().map_or("-", |source| source.text.trim());
                format!("once per {key}, gap {}", text(gap))
            }
        }
    }
}

/// One step, its own fields still unread: `action` reads those by kind.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its own id, or `kind-N` by position among its kind in text order.
    pub id: String,
    /// `email`, `wait`, `branch`, …: the step's one key.
    pub kind: String,
    /// Where that key stands.
    pub place: Position,
    /// `if:`; false skips the step.
    pub condition: Option<Source>,
    pub body: StepBody,
}

impl Step {
    /// The steps and all that stand inside them, in the order of the text.
    pub fn walk(steps: &[Step]) -> Vec<&Step> {
        let mut found = Vec::new();
        for step in steps {
            found.push(step);
            if let StepBody::Branch(arms) = &step.body {
                arms.iter().for_each(|arm| found.extend(Step::walk(&arm.steps)));
            }
        }
        found
    }

    /// The conditions that it states itself, in the order of the text.
    pub fn conditions(&self) -> Vec<&Source> {
        let own = self.condition.iter();
        match &self.body {
            StepBody::Branch(arms) => own.chain(arms.iter().filter_map(|arm| arm.condition.as_ref())).collect(),
            StepBody::Wait(Wait { on: WaitOn::Until { condition, .. }, .. }) => own.chain([condition]).collect(),
            StepBody::Wait(_) | StepBody::End(_) | StepBody::Action(_) => own.collect(),
        }
    }
}

/// The inside of a step.
#[derive(Clone, Debug)]
pub enum StepBody {
    /// The first arm whose condition holds is taken; an arm without one is `else`.
    Branch(Vec<Arm>),
    Wait(Wait),
    /// Ends the enrollment with this reason.
    End(String),
    /// Anything an `action` kind reads. `id` and `if` are already taken out.
    Action(yaml::Node),
}

/// One way through a branch.
#[derive(Clone, Debug)]
pub struct Arm {
    /// `None` is `else`.
    pub condition: Option<Source>,
    pub steps: Vec<Step>,
}

/// What a wait step waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    pub on: WaitOn,
    /// The local time of day it goes on to, with `For` and `Date`.
    pub at: Option<chrono::NaiveTime>,
}

#[derive(Clone, Debug)]
pub enum WaitOn {
    For(Duration),
    /// A time expression, read again at every look.
    Date(Source),
    Until {
        condition: Source,
        at_most: Duration,
        on_met: Goto,
        on_timeout: Goto,
    },
}

/// Where an ended `until` goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goto {
    Next,
    End,
    /// The id of a later step.
    Step(String),
}

/// A piece of Rhai or template text that knows its place in the file.
#[derive(Clone, Debug)]
pub struct Source {
    pub text: Arc<str>,
    pub origin: Origin,
}

/// How positions inside a scalar map to positions in its file.
#[derive(Clone, Debug)]
pub struct Origin {
    pub file: Arc<str>,
    /// Where the value starts.
    pub start: Position,
    pub layout: Layout,
}

/// How a scalar is laid out in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line, without escapes; inner columns add to the start's.
    Inline,
    /// A literal block: the line of its first content line, its indentation
    /// in characters, and how many newlines the value starts with.
    Block { first_line: u32, indent: u32, lead: u32 },
    /// Folded, quoted with escapes or over several lines: only the start is known.
    Opaque,
}

impl Origin {
    /// The place in the file of a 1-based inner position.
    pub fn at(&self, line: u32, column: u32) -> Position {
        match self.layout {
            Layout::Inline if line == 1 => {
                Position { line: self.start.line, column: self.start.column + column.max(1) - 1 }
            }
            Layout::Block { first_line, indent, lead } => {
                Position { line: (first_line + line).saturating_sub(1 + lead), column: indent + column.max(1) }
            }
            Layout::Inline | Layout::Opaque => self.start,
        }
    }
}

impl Source {
    /// An error inside this text.
    pub fn error(&self, code: &'static str, line: u32, column: u32, message: impl Into<String>) -> Diagnostic {
        let message = self.placed(line, column, message.into());
        Diagnostic::error(code, &self.origin.file, self.origin.at(line, column), message)
    }

    /// What is said of a place in a text that YAML has put together, such as a
    /// folded one: only its beginning is known.
    fn placed(&self, line: u32, column: u32, message: String) -> String {
        let elsewhere = self.origin.layout == Layout::Opaque && (line, column) != (1, 1);
        if elsewhere { format!("{message}, somewhere in this value") } else { message }
    }

    /// A warning inside this text.
    pub fn warning(&self, code: &'static str, line: u32, column: u32, message: impl Into<String>) -> Diagnostic {
        let message = self.placed(line, column, message.into());
        Diagnostic::warning(code, &self.origin.file, self.origin.at(line, column), message)
    }
}
