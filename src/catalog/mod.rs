//! From checked files to playbooks that are ready to decide.
//!
//! [`compile`] gives meaning to a parsed playbook: expressions become rules,
//! steps become a program with explicit next positions, and the cells each
//! part reads are gathered, so that one query can fetch them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use crate::action::{self, Action, CloseWhen, Compiler, Reads};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, nearest};
use crate::facts::{Cell, Layout, Schema, Subject};
use crate::playbook::parse::{self, Draft};
use crate::playbook::schedule::Schedule;
use crate::playbook::source::{SourceFile, SourceSet};
use crate::playbook::{Duration, Playbook, Reentry, Source};
use crate::rule::{self, Modules, Neighbours, Rule, Sandbox, Scope, Wanted};

mod across;
mod program;
mod step_names;

use program::Program;
use step_names::{named_steps, set_labels};

/// A playbook whose every expression is compiled.
#[derive(Debug)]
pub struct ReadyPlaybook {
    pub playbook: Playbook,
    /// Hash of its text and of every script module it reaches.
    pub revision: String,
    /// The script modules it reaches, by name.
    pub scripts: BTreeMap<String, String>,
    pub zone: Tz,
    pub schedule: Schedule,
    pub when: Rule,
    pub goal: Option<Rule>,
    pub exit: Option<Rule>,
    /// Its own `suppress` and the configuration's.
    pub suppress: Vec<Rule>,
    pub reentry: ReadyReentry,
    pub steps: Vec<ReadyStep>,
    pub sandbox: Arc<Sandbox>,
    /// Cells for deciding who enters.
    pub entry_layout: Arc<Layout>,
    /// Cells for every later decision.
    pub step_layout: Arc<Layout>,
    /// Cells for deciding the goal alone.
    pub goal_layout: Arc<Layout>,
    /// What is kept at enrollment, by the name behind `entry.`.
    pub entry_columns: BTreeMap<String, Cell>,
}

#[derive(Debug)]
pub enum ReadyReentry {
    Never,
    OnRematch { gap: Option<Duration> },
    Again { once_per: Option<Box<Rule>>, gap: Option<Duration> },
}

/// One step of the program.
#[derive(Debug)]
pub struct ReadyStep {
    pub id: String,
    pub condition: Option<Rule>,
    pub body: ReadyBody,
    /// The position that follows; the program's length ends it.
    pub next: usize,
}

#[derive(Debug)]
pub enum ReadyBody {
    Action(Arc<dyn Action>),
    Wait(ReadyWait),
    /// The first arm whose rule holds, else `otherwise`.
    Branch {
        arms: Vec<(Rule, usize)>,
        otherwise: usize,
    },
    End(String),
}

#[derive(Debug)]
pub struct ReadyWait {
    pub on: ReadyWaitOn,
    pub at: Option<chrono::NaiveTime>,
}

#[derive(Debug)]
pub enum ReadyWaitOn {
    For(Duration),
    Date(Box<Rule>),
    Until { condition: Box<Rule>, at_most: Duration, on_met: usize, on_timeout: usize },
}

impl ReadyPlaybook {
    /// Whether a step chooses by how much each colleague has to do.
    pub fn weighs_load(&self) -> bool {
        self.steps.iter().any(|step| matches!(&step.body, ReadyBody::Action(action) if action.weighs_load()))
    }

    /// The position of a step by id.
    pub fn step(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// What a step does, if it acts.
    pub fn action(&self, step: &str) -> Option<&dyn Action> {
        match &self.steps[self.step(step)?].body {
            ReadyBody::Action(action) => Some(action.as_ref()),
            _ => None,
        }
    }

    /// What closes a task of a step, with the word for it: the step's own rule,
    /// else the goal; `None` where only a person ends it.
    pub fn closing_rule(&self, step: &str) -> Option<(&'static str, &Rule)> {
        match self.action(step).map(|action| action.close_when()) {
            Some(CloseWhen::Off) => None,
            Some(CloseWhen::Rule(rule)) => Some(("solved", rule)),
            Some(CloseWhen::Goal) | None => self.goal.as_ref().map(|goal| ("goal", goal)),
        }
    }

    /// Whether deciding who enters needs to know since when the condition has
    /// been true.
    pub fn follows_edges(&self) -> bool {
        matches!(self.reentry, ReadyReentry::OnRematch { .. })
            || self.playbook.holds_for.is_some()
            || self.playbook.skip_existing
    }

    /// Roles its mails go to, for test cases.
    pub fn roles(&self) -> BTreeSet<String> {
        self.steps
            .iter()
            .filter_map(|step| match &step.body {
                ReadyBody::Action(action) => Some(action.roles()),
                _ => None,
            })
            .flatten()
            .collect()
    }
}

/// Reads one playbook, whose steps may be of every kind. It is returned only
/// if nothing is wrong with its form.
pub fn parse(file: &SourceFile, problems: &mut Vec<Diagnostic>) -> Option<Playbook> {
    parse::parse(file, &action::forms(), problems)
}

/// Reads as much of a playbook as can be read.
pub fn draft(file: &SourceFile, problems: &mut Vec<Diagnostic>) -> Option<Draft> {
    parse::draft(file, &action::forms(), problems)
}

/// Reads, checks and compiles every file. Playbooks with errors are left out;
/// everything wrong with all of them is in the diagnostics. `others` are ids of
/// playbooks that exist elsewhere and may be named.
pub fn load(
    sources: &SourceSet,
    others: &[String],
    config: &Config,
    schema: &Schema,
) -> (Vec<Arc<ReadyPlaybook>>, Vec<Diagnostic>) {
    let mut problems = sources.problems.clone();
    let modules = modules(sources, &mut problems);
    let sandbox = Arc::new(modules.sandbox(&config.seasons));
    let (mut parsed, mut broken) = (Vec::new(), Vec::new());
    for file in &sources.playbooks {
        match draft(file, &mut problems) {
            Some(draft) if draft.is_whole => parsed.push(draft.playbook),
            Some(draft) => broken.push(draft.playbook),
            None => {}
        }
    }
    let shared = parse::check_across(parsed.iter().chain(&broken), &mut problems);
    let mut ids: Vec<String> = parsed.iter().map(|playbook| playbook.id.clone()).collect();
    // A playbook that another file names is not unknown because it has an error itself.
    ids.extend(claimed_ids(sources));
    let whole =
        parsed.len() + broken.len() == sources.playbooks.len() && others.iter().all(|other| ids.contains(other));
    let labels = parsed.iter().chain(&broken).map(|playbook| set_labels(&playbook.steps, &sandbox));
    let labels: Option<Vec<BTreeSet<String>>> = labels.collect();
    ids.extend_from_slice(others);
    let neighbours = Neighbours {
        playbooks: Some(ids),
        labels: labels.filter(|_| whole).map(|labels| labels.into_iter().flatten().collect()),
    };
    let mut ready: Vec<Arc<ReadyPlaybook>> = Vec::new();
    for playbook in parsed {
        let is_taken = shared.contains(&playbook.id);
        if let Some(compiled) = compile(playbook, &modules, &sandbox, config, schema, &neighbours, &mut problems)
            && !is_taken
        {
            ready.push(Arc::new(compiled));
        }
    }
    across::check(&ready, config, &neighbours, &mut problems);
    // What is wrong in form has been said; this is what else is wrong. A step
    // that could not be read is no reason to say that it does not exist.
    for playbook in broken {
        let mut more = Vec::new();
        compile(playbook, &modules, &sandbox, config, schema, &neighbours, &mut more);
        problems.extend(more.into_iter().filter(|problem| problem.code != "KW0107"));
    }
    problems.sort();
    problems.dedup();
    (ready, problems)
}

/// Compiles the script modules of a source set.
pub fn modules(sources: &SourceSet, problems: &mut Vec<Diagnostic>) -> Modules {
    let scripts = sources.scripts.iter().map(|script| (script.module.as_str(), &*script.path, &*script.text));
    Modules::compile(scripts, problems)
}

/// The ids that the files claim, whether or not they can be used.
pub fn claimed_ids(sources: &SourceSet) -> Vec<String> {
    sources.playbooks.iter().filter_map(|file| claimed_id(&file.text)).collect()
}

/// The id a file claims, read without understanding the rest of it.
pub fn claimed_id(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("playbook:"))?;
    let value = line["playbook:".len()..].split('#').next()?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

/// Compiles one playbook; `None` means that `problems` got an error about it.
pub fn compile(
    playbook: Playbook,
    modules: &Modules,
    sandbox: &Arc<Sandbox>,
    config: &Config,
    schema: &Schema,
    neighbours: &Neighbours,
    problems: &mut Vec<Diagnostic>,
) -> Option<ReadyPlaybook> {
    let before = problems.iter().filter(|problem| problem.is_error()).count();
    let zone = playbook.timezone.unwrap_or(config.timezone);
    let schedule = match Schedule::parse(&playbook.schedule.text, zone) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let mut problem = playbook.schedule.error("KW0111", 1, error.column as u32, error.message);
            problem.help = error.help;
            problems.push(problem);
            None
        }
    };
    let statuses = || schema.statuses.iter().map(String::as_str);
    let unheard = |status: &String| !schema.statuses.is_empty() && !schema.statuses.contains(status);
    for (index, status) in playbook.statuses.iter().enumerate().filter(|(_, status)| unheard(status)) {
        let message = format!("no account has the status `{status}`");
        let help = nearest(status, statuses()).map_or_else(
            || format!("the statuses are {}", schema.statuses.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let at = playbook.places.statuses.get(index).copied().unwrap_or(playbook.place);
        problems.push(Diagnostic::warning("KW0104", &playbook.file, at, message).help(help));
    }
    if playbook.holdout.is_some() && playbook.goal.is_none() {
        let message = "a `holdout` compares who reaches the goal, and there is no `goal`";
        let at = playbook.places.holdout.unwrap_or(playbook.place);
        let problem = Diagnostic::warning("KW0217", &playbook.file, at, message);
        problems.push(problem.help("say with `goal:` what counts as success"));
    }
    if playbook.stages.is_some() && schema.lacks("accounts", "stage") {
        let message = "`stages` needs `accounts.stage`, which the customer store does not have";
        let help = "name the column in the configuration: `store: { accounts: { columns: { stage: … } } }`";
        let at = playbook.places.stages.unwrap_or(playbook.place);
        problems.push(Diagnostic::error("KW0214", &playbook.file, at, message).help(help));
    }
    for other in playbook.guardrails.yields_to.iter().flatten() {
        let id = other.text.trim();
        if id == playbook.id || neighbours.lacks(id) {
            let mut problem =
                other.error("KW0108", 1, 1, format!("`yields_to` names \"{id}\", which is no other playbook"));
            problem.help = nearest(id, neighbours.ids()).map(|near| format!("did you mean \"{near}\"?"));
            problems.push(problem);
        }
    }
    let subject = Subject::from(playbook.subject);
    let named_steps = named_steps(&playbook.steps);
    let nothing = HashSet::new();
    let at_entry = Scope {
        schema,
        contact: subject == Subject::Contact,
        in_enrollment: false,
        in_wait: false,
        zone,
        named_steps: &named_steps,
        neighbours,
        known: &nothing,
    };
    let when = rule::compile(&playbook.when, Wanted::Verdict, &at_entry, modules, sandbox, problems);
    let after_when = problems.len();
    let proven = when.as_ref().map(|when| when.proves().clone()).unwrap_or_default();
    // What `entry` means was read when the condition was.
    let known_in_steps: HashSet<String> = proven
        .iter()
        .filter_map(|text| text.split_once('.'))
        .filter(|(root, name)| schema.entry_column(subject, name).is_some_and(|(of, _)| of.name() == *root))
        .map(|(_, name)| format!("entry.{name}"))
        .collect();
    let known_in_templates = &proven | &known_in_steps;
    let later = Scope { in_enrollment: true, known: &known_in_steps, ..at_entry.clone() };
    let mut constant = Vec::new();
    let mut verdict = |source: &Option<Source>| match source {
        None => Some(None),
        Some(source) => rule::compile(source, Wanted::Verdict, &later, modules, sandbox, problems).map(Some),
    };
    for (key, source) in [("goal", &playbook.goal), ("exit", &playbook.exit), ("suppress", &playbook.suppress)] {
        if let Some(source) = source
            && let text @ ("true" | "false") = source.text.trim().trim_matches('"')
        {
            constant.push(source.warning("KW0210", 1, 1, format!("`{key}` is always {text}")));
        }
    }
    let goal = verdict(&playbook.goal);
    let exit = verdict(&playbook.exit);
    let own_suppress = verdict(&playbook.suppress);
    let all_suppress = verdict(&config.suppress);
    problems.extend(constant);
    let reentry = match &playbook.reentry {
        Reentry::Never => Some(ReadyReentry::Never),
        Reentry::OnRematch { gap } => Some(ReadyReentry::OnRematch { gap: *gap }),
        Reentry::Again { once_per: None, gap } => Some(ReadyReentry::Again { once_per: None, gap: *gap }),
        Reentry::Again { once_per: Some(source), gap } => {
            let scope = Scope { known: &proven, ..at_entry.clone() };
            rule::compile(source, Wanted::Key, &scope, modules, sandbox, problems)
                .map(|rule| ReadyReentry::Again { once_per: Some(Box::new(rule)), gap: *gap })
        }
    };
    let mut compiler = Compiler {
        file: playbook.file.clone(),
        subject,
        schema,
        modules,
        sandbox,
        config,
        named_steps: &named_steps,
        neighbours,
        own: &playbook.id,
        zone,
        holdout: playbook.holdout.is_some(),
        known_in_templates: &known_in_templates,
        known_in_steps: &known_in_steps,
        problems,
    };
    let mut program = Program { steps: Vec::new(), gotos: Vec::new(), whole: true };
    program.sequence(&playbook.steps, &mut compiler);
    let whole = program.whole;
    let steps = program.finish();
    if when.is_none() {
        // What an unreadable condition would have proven is not known.
        let mut place = 0;
        problems.retain(|problem| {
            place += 1;
            place <= after_when || !depends_on_guard(problem)
        });
    }
    if !whole || problems.iter().filter(|problem| problem.is_error()).count() > before {
        return None;
    }
    let mut suppress = Vec::new();
    suppress.extend(own_suppress?);
    suppress.extend(all_suppress?);
    let (when, goal, exit, reentry, schedule) = (when?, goal?, exit?, reentry?, schedule?);

    let mut wins = Reads::default();
    goal.iter().for_each(|rule| wins.rule(rule));
    let mut stops = Reads::default();
    goal.iter().chain(&exit).chain(&suppress).for_each(|rule| stops.rule(rule));
    let kept = |cells: &mut BTreeSet<Cell>, of: Subject, columns: &[&str]| {
        cells.extend(columns.iter().map(|column| Cell::column(of, column)));
    };
    kept(&mut stops.cells, Subject::Account, &["status", "stage"]);
    if subject == Subject::Contact {
        kept(&mut stops.cells, subject, &["name", "left_at"]);
    }
    let mut later = stops.clone();
    kept(&mut later.cells, Subject::Account, &["id", "name", "timezone", "locale"]);
    if subject == Subject::Contact {
        kept(&mut later.cells, subject, &["id", "timezone"]);
    }
    for step in &steps {
        step.condition.iter().for_each(|rule| later.rule(rule));
        match &step.body {
            ReadyBody::Action(action) => action.reads(&mut later),
            ReadyBody::Wait(wait) => match &wait.on {
                ReadyWaitOn::Date(rule) | ReadyWaitOn::Until { condition: rule, .. } => later.rule(rule),
                ReadyWaitOn::For(_) => {}
            },
            ReadyBody::Branch { arms, .. } => arms.iter().for_each(|(rule, _)| later.rule(rule)),
            ReadyBody::End(_) => {}
        }
    }
    let mut entry = stops;
    entry.rule(&when);
    if let ReadyReentry::Again { once_per: Some(rule), .. } = &reentry {
        entry.rule(rule);
    }
    entry.entry_columns.extend(later.entry_columns.iter().cloned());
    let entry_columns: BTreeMap<String, Cell> = entry
        .entry_columns
        .iter()
        .filter_map(|name| schema.entry_column(subject, name).map(|(of, _)| (name.clone(), Cell::column(of, name))))
        .collect();
    entry.cells.extend(entry_columns.values().cloned());
    kept(&mut entry.cells, Subject::Account, &["name"]);
    let reached = &entry.modules | &later.modules;
    let scripts: BTreeMap<String, String> = reached
        .iter()
        .filter_map(|module| modules.text(module).map(|text| (module.clone(), text.to_owned())))
        .collect();
    Some(ReadyPlaybook {
        revision: revision(&playbook.text, &scripts),
        scripts,
        zone,
        schedule,
        when,
        goal,
        exit,
        suppress,
        reentry,
        steps,
        sandbox: sandbox.clone(),
        entry_layout: layout(subject, &entry.cells),
        step_layout: layout(subject, &later.cells),
        goal_layout: layout(subject, &wins.cells),
        entry_columns,
        playbook,
    })
}

/// Whether a complaint could be answered by a guard in `when`.
fn depends_on_guard(problem: &Diagnostic) -> bool {
    match problem.code {
        "KW0207" => problem.message.contains("`entry.") || problem.message.contains("(entry."),
        "KW0303" => true,
        _ => false,
    }
}

/// The content hash of a playbook: its text and the scripts it reaches.
pub fn revision(text: &str, scripts: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    for (module, text) in scripts {
        hash.update([0]);
        hash.update(module.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn layout(subject: Subject, cells: &BTreeSet<Cell>) -> Arc<Layout> {
    let mut layout = Layout::of(subject);
    cells.iter().for_each(|cell| {
        layout.add(cell.clone());
    });
    Arc::new(layout)
}
