//! From one parsed playbook to one that is ready: its expressions become rules,
//! its steps a program, and the cells that each part reads are gathered.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::portfolio::{MatchingRules, ReadyPortfolio, check_steps, keep_figures, matching_rules};
use super::program::Program;
use super::ready::{ReadyBody, ReadyPlaybook, ReadyReentry, ReadyTrigger};
use super::step_names::named_steps;
use crate::action::{Compiler, Reads, view_of};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::facts::inventory::grouped;
use crate::facts::{Arg, Cell, CellPath, Layout, NameKind, Schema, Standing, Subject};
use crate::playbook::document::Survey;
use crate::playbook::schedule::{self, Schedule};
use crate::playbook::trigger::EventTrigger;
use crate::playbook::{Duration, Playbook, Reentry, Source};
use crate::rule::functions::EVENT_BEFORE;
use crate::rule::{self, Modules, Neighbours, Sandbox, Scope, Wanted};

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
    let schedule = read_schedule(&playbook.schedule, zone, problems);
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
    warn_of_unseen(&playbook, schema, problems);
    let on = playbook.on.as_ref().map(|on| trigger(on, subject_of(&playbook), schema, problems));
    if playbook.holdout.is_some() && playbook.goal.is_none() {
        let message = "a `holdout` compares who reaches the goal, and there is no `goal`";
        let at = playbook.places.holdout.unwrap_or(playbook.place);
        let problem = Diagnostic::warning("KW0217", &playbook.file, at, message);
        problems.push(problem.help("say with `goal:` what counts as success"));
    }
    let has_stage = schema.column(Subject::Account, "stage").is_some() && !schema.lacks("accounts", "stage");
    if playbook.stages.is_some() && !has_stage && !schema.found.contains_key(&Standing::Stage) {
        let message = "`stages` needs `accounts.stage`, which the customer store does not have";
        let help = "write a file that begins with `lifecycle:`, or name the column in the configuration: `store: { accounts: { columns: { stage: … } } }`";
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
    // Its own survey is what its file says, whatever others call by that id.
    let surveys: Vec<Arc<Survey>> = playbook.survey.iter().chain(&neighbours.surveys).cloned().collect();
    let named_steps = named_steps(&playbook.steps, &surveys);
    let nothing = HashSet::new();
    let at_entry = Scope {
        schema,
        view: view_of(playbook.portfolio.as_ref()),
        contact: subject == Subject::Contact,
        in_enrollment: false,
        in_wait: false,
        statuses: &playbook.statuses,
        zone,
        named_steps: &named_steps,
        neighbours,
        known: &nothing,
    };
    let matching = playbook.portfolio.as_ref().and_then(|portfolio| portfolio.matching.as_ref());
    let matching = match matching {
        Some(matching) => {
            let rules = matching_rules(matching, &at_entry, modules, sandbox, problems);
            rules.map(Some)
        }
        None => Some(None),
    };
    let known_of_matching = matching.iter().flatten().map(MatchingRules::proves).next().unwrap_or_default();
    if playbook.portfolio.is_some() {
        check_steps(&playbook, problems);
    }
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
    // That of the configuration is about one account.
    let all_suppress = verdict(&config.suppress.clone().filter(|_| playbook.portfolio.is_none()));
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
        portfolio: playbook.portfolio.as_ref(),
        known_of_matching: &known_of_matching,
        schema,
        modules,
        sandbox,
        config,
        named_steps: &named_steps,
        neighbours,
        surveys: &surveys,
        own: &playbook.id,
        statuses: &playbook.statuses,
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
    let (when, goal, exit, reentry, schedule, matching) = (when?, goal?, exit?, reentry?, schedule?, matching?);

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
        step.reads(&mut later);
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
    entry.cells.extend(on.iter().map(|on| on.cell.clone()));
    let matching = matching.map(|rules| rules.finish(std::mem::take(&mut later.member_cells)));
    if let Some(matching) = &matching {
        entry.modules.extend(matching.rule.modules().iter().cloned());
        entry.modules.extend(matching.order.iter().flat_map(|order| order.modules()).cloned());
    }
    let portfolio = playbook.portfolio.as_ref().map(|portfolio| portfolio.per_csm);
    let portfolio = portfolio.map(|per_csm| ReadyPortfolio { per_csm, matching });
    if portfolio.is_some() {
        [&mut entry, &mut later].into_iter().for_each(keep_figures);
    }
    let reached = &entry.modules | &later.modules;
    let scripts: BTreeMap<String, String> = reached
        .iter()
        .filter_map(|module| modules.text(module).map(|text| (module.clone(), text.to_owned())))
        .collect();
    let script_words = reached.iter().filter_map(|module| Some((module.clone(), modules.words(module)?.clone())));
    let script_words = script_words.collect();
    let asked = steps.iter().filter_map(|step| match &step.body {
        ReadyBody::Action(action) => action.question()?.survey.as_ref(),
        _ => None,
    });
    let own = |survey: &&Arc<Survey>| playbook.survey.as_ref().is_some_and(|own| Arc::ptr_eq(own, survey));
    let asked = asked.filter(|survey| !own(survey));
    let sent = steps.iter().filter_map(|step| match &step.body {
        ReadyBody::Action(action) => action.report(),
        _ => None,
    });
    let surveys: BTreeMap<String, String> = asked
        .map(|survey| (survey.id.clone(), survey.text.to_string()))
        .chain(sent.map(|report| (report.id.clone(), report.text.to_string())))
        .collect();
    Some(ReadyPlaybook {
        revision: revision(&playbook.text, &scripts, &surveys),
        scripts,
        script_words,
        surveys,
        zone,
        schedule,
        on,
        portfolio,
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

fn subject_of(playbook: &Playbook) -> Subject {
    Subject::from(playbook.subject)
}

/// What `on` asks of a subject. An event that the store was never seen to hold is a
/// warning: nobody would come.
fn trigger(on: &EventTrigger, subject: Subject, schema: &Schema, problems: &mut Vec<Diagnostic>) -> ReadyTrigger {
    let event = on.event.text.trim().to_owned();
    if let Some(missing) = schema.inventory.missing(NameKind::Event, &event) {
        problems.push(on.event.warning("KW0221", 1, 1, missing.to_string()).help(missing.advice()));
    }
    let age = Duration::Seconds(on.after.num_seconds()).to_string();
    let args = vec![Arg::Text(event.clone()), Arg::Text(age)];
    let cell = Cell { subject, path: CellPath::Call { function: EVENT_BEFORE, args } };
    ReadyTrigger { event, after: on.after, every_minute: on.every_minute, cell }
}

/// Reads a schedule; `None` means that `problems` got an error about it.
pub(super) fn read_schedule(source: &Source, zone: Tz, problems: &mut Vec<Diagnostic>) -> Option<Schedule> {
    match Schedule::parse(&source.text, zone) {
        Ok(schedule) => {
            for doubt in schedule::warnings(&source.text) {
                let problem = source.warning("KW0220", 1, doubt.column as u32, doubt.message);
                problems.push(problem.help(doubt.help));
            }
            Some(schedule)
        }
        Err(error) => {
            let mut problem = source.error("KW0111", 1, error.column as u32, error.message);
            problem.help = error.help;
            problems.push(problem);
            None
        }
    }
}

/// Warns of statuses and stages that the customer store was never seen to hold.
fn warn_of_unseen(playbook: &Playbook, schema: &Schema, problems: &mut Vec<Diagnostic>) {
    let mut warn = |at: Option<Position>, message: String, help: String| {
        let at = at.unwrap_or(playbook.place);
        problems.push(Diagnostic::warning("KW0221", &playbook.file, at, message).help(help));
    };
    let missing = |status: &String| schema.inventory.missing(NameKind::Status, status);
    let statuses: Vec<_> = playbook.statuses.iter().map(missing).collect();
    let (places, stages_at) = (&playbook.places.statuses, playbook.places.stages);
    if let [first, ..] = statuses.as_slice()
        && let Some(first) = first
        && first.instead.is_some()
        && statuses.iter().all(Option::is_some)
    {
        let listed: Vec<String> = playbook.statuses.iter().map(|status| format!("`{status}`")).collect();
        let mut message = format!("no account was ever seen with the status {}", listed.join(" or "));
        let help = first.instead.as_ref().map_or(String::new(), |(seen, rows)| {
            message.push_str(&format!("; `{seen}` was, {} times", grouped(*rows)));
            format!("name those it is for, as in `statuses: [{seen}]`")
        });
        warn(places.first().copied(), message, help);
    } else {
        // A standard status that nobody has at the moment is no mistake.
        for (index, missing) in statuses.into_iter().enumerate() {
            if let Some(missing) = missing.filter(|missing| !schema.statuses.contains(&missing.name)) {
                warn(places.get(index).copied(), missing.to_string(), missing.advice());
            }
        }
    }
    for stage in playbook.stages.iter().flatten() {
        if let Some(missing) = schema.inventory.missing(NameKind::Stage, stage) {
            warn(stages_at, missing.to_string(), missing.advice());
        }
    }
}

/// Whether a complaint could be answered by a guard in `when`.
fn depends_on_guard(problem: &Diagnostic) -> bool {
    match problem.code {
        "KW0207" => problem.message.contains("`entry.") || problem.message.contains("(entry."),
        "KW0303" => true,
        _ => false,
    }
}

/// The content hash of a playbook: its text, the scripts it reaches and the surveys
/// that its steps name.
pub fn revision(text: &str, scripts: &BTreeMap<String, String>, surveys: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    for (kind, texts) in [(&[0][..], scripts), (&[0, 1], surveys)] {
        for (name, text) in texts {
            hash.update(kind);
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn layout(subject: Subject, cells: &BTreeSet<Cell>) -> Arc<Layout> {
    let mut layout = Layout::of(subject);
    cells.iter().for_each(|cell| {
        layout.add(cell.clone());
    });
    Arc::new(layout)
}
