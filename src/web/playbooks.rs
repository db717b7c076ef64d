//! Playbooks as they are in force: when they run, what the last runs did, and
//! what waits for a person.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono_tz::Tz;

use super::WebState;
use super::fact;
use super::journey::{Journey, people_path};
use super::language::say;
use super::page::{Frame, Trouble, Web, account_href, below, href, moment};
use super::playbook_views::{
    BehindView, Broken, Detail, PlaybookList, PlaybookPage, PlaybookStop, RunView, Summary, enrollment_view, held_name,
    impact_view, run_view, trouble,
};
use crate::catalog;
use crate::clock::Instant;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::Schema;
use crate::impact::{Impact, TERM_DAYS};
use crate::playbook::duration::Duration;
use crate::playbook::schedule::Schedule;
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};
use crate::playbook::{Mode, Playbook, SubjectKind};
use crate::store::runs::playbooks::{Published, RevisionText};
use crate::store::upkeep::stopped::{StopTarget, Stopped};
use crate::store::views::impact::ImpactTerms;
use crate::store::views::web::{HeldRow, RunRow, StepCount};

/// How many runs and enrollments the page of one playbook shows.
const RUNS: i64 = 10;
const ENROLLMENTS: i64 = 10;

/// Up to how many of each playbook are counted for the list.
const COUNTED: i64 = 10_000;

/// How many of the next slots are named.
const SLOTS: usize = 5;

/// Of how many who have left at a step in the same way the reasons are read.
const REASONS_OF: i64 = 1_000;

/// How many of those who wait in a held run are named.
const SAMPLE: i64 = 10;

/// What a playbook is worth. To know it, all its enrollments are counted.
#[derive(Debug)]
pub(super) struct PlaybookWorth {
    impact: Impact,
    /// What its ghosts did without: kind to number.
    ghosts: BTreeMap<String, i64>,
}

/// Every published playbook.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    let published = web.store.published().await?;
    let stopped = web.store.stopped().await?;
    let mut texts = texts(&web, &published).await?;
    let mut runs: BTreeMap<String, Vec<RunView>> = BTreeMap::new();
    for run in web.store.latest_runs().await? {
        runs.entry(run.playbook.clone()).or_default().push(run_shown(&web, run).await?);
    }
    let counts = web.store.present_counts(COUNTED + 1).await?;
    let now = web.clock.now();
    let mut page = PlaybookList { broken: Vec::new(), playbooks: Vec::new() };
    for one in published {
        let mut summary = summary(&web, one, &mut texts, &stopped, now);
        if summary.findings.as_array().is_some_and(|list| !list.is_empty()) {
            page.broken.push(Broken { file: summary.file.clone(), findings: summary.findings.clone() });
        }
        let count = |state: &str| {
            let found = counts.iter().find(|(playbook, of, _)| *playbook == summary.id && of == state);
            found.map_or(0, |(_, _, count)| *count)
        };
        (summary.active, summary.held) =
            (bounded(count("active")), Some(count("held")).filter(|held| *held > 0).map(bounded));
        summary.runs = runs.remove(&summary.id).unwrap_or_default();
        summary.trouble = trouble(&summary.runs);
        page.playbooks.push(summary);
    }
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "playbooks.html", page)
}

/// A count that ends at [`COUNTED`], in words.
fn bounded(count: i64) -> String {
    if count > COUNTED { say!("more than {n}", n = fact::number(COUNTED as f64)) } else { count.to_string() }
}

/// The publication of a playbook.
pub(super) async fn find_playbook(web: &WebState, id: &str) -> Result<Published, Trouble> {
    let published = web.store.published().await?.into_iter().find(|one| one.id == id);
    published.ok_or(Trouble::NotFound("There is no such playbook."))
}

/// What a playbook in force says; `None` where this version cannot read it.
pub(super) async fn parse_playbook(web: &WebState, published: &Published) -> Result<Option<Playbook>, Trouble> {
    Ok(texts(web, std::slice::from_ref(published)).await?.get(&published.id).and_then(parse))
}

fn parse(text: &RevisionText) -> Option<Playbook> {
    let file = SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() };
    catalog::parse(&file, &mut Vec::new())
}

/// One playbook.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let published = find_playbook(&web, &id).await?;
    let stopped = web.store.stopped().await?;
    let mut texts = texts(&web, std::slice::from_ref(&published)).await?;
    let unseen = match texts.get(&id) {
        Some(text) => unseen_names(text, web.store.schema().clone().with_inventory(web.store.inventory().await?)),
        None => Vec::new(),
    };
    let runs = web.store.runs_of(&id, RUNS).await?;
    let written = texts.get(&id).and_then(parse);
    let steps = written.as_ref().map_or(&[][..], |playbook| &playbook.steps);
    let counts = web.store.step_counts(&id).await?;
    let journey = Journey::new(&id, steps, &counts, web.zone);
    let reasons = web.store.step_reasons(&id, &journey.all_left(), REASONS_OF).await?;
    let rows = web.store.enrollments_of(&id, ENROLLMENTS).await?;
    let now = web.clock.now();
    let mut shown = Vec::new();
    for run in runs {
        shown.push(run_shown(&web, run).await?);
    }
    let terms = ImpactTerms { now, term_days: TERM_DAYS, minutes_per_task: web.shared.config.minutes_per_task };
    let find_worth = {
        let (web, id) = (web.clone(), id.clone());
        async move {
            let impact = web.store.impact(Some(&id), terms).await?.pop();
            let impact = impact.ok_or(Trouble::NotFound("There is no such playbook."))?;
            Ok(PlaybookWorth { impact, ghosts: web.store.ghosts_count(&id).await? })
        }
    };
    let worth = web.worths.answer(id.clone(), now, find_worth).await?;
    let behind = web.store.behind(&id).await?.into_iter().map(|one| BehindView {
        published: moment(one.published_at, web.zone),
        revision: one.revision,
        step: one.step,
        count: one.count,
    });
    let all: i64 = counts.iter().map(|one| one.count).sum();
    let is_stopped = stopped.stop_of(&id).is_some();
    let stop_query = [("what", StopTarget::Playbook(id.clone()).scope())];
    let stop_query = stop_query.each_ref().map(|(name, value)| (*name, value.as_str()));
    let path = below("/playbooks", &id);
    let summary = summary(&web, published, &mut texts, &stopped, now);
    let slots = match (&written, &summary.next_slot) {
        (Some(playbook), Some(_)) => next_slots(playbook, web.zone, now),
        _ => Vec::new(),
    };
    let page = PlaybookPage {
        playbook: Summary { trouble: trouble(&shown), ..summary },
        slots,
        stop_href: href(if is_stopped { "/stops/resume" } else { "/stops/stop" }, &stop_query),
        plan_href: format!("{path}/plan"),
        source_href: format!("{path}/source"),
        revisions_href: format!("{path}/revisions"),
        people_href: people_path(&id),
        journey: journey.lines(&reasons),
        counts: journey.states(),
        elsewhere: journey.elsewhere(),
        reasons_of: reasons_bound(&counts),
        impact: impact_view(
            &worth.answer.impact,
            worth.kept_since(now).map(|at| moment(at, web.zone)),
            worth.answer.ghosts.clone(),
        ),
        behind: behind.collect(),
        unseen,
        messages_href: href("/messages", &[("playbook", &id)]),
        more: (all - rows.len() as i64).max(0),
        runs: shown,
        enrollments: rows.into_iter().map(|row| enrollment_view(row, web.zone)).collect(),
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "playbook.html", page)
}

/// Warnings of the names a playbook asks for that are not on record.
fn unseen_names(text: &RevisionText, schema: Schema) -> Vec<Diagnostic> {
    let script = |(module, text): (String, String)| {
        let path = format!("{module}.rhai").into();
        ScriptFile { module, path, text: text.into() }
    };
    let sources = SourceSet {
        playbooks: vec![SourceFile { path: text.file.as_str().into(), text: text.text.as_str().into() }],
        scripts: text.modules().into_iter().map(script).collect(),
        ..SourceSet::default()
    };
    // Whatever else there is to say was said when it was published.
    let (_, problems) = catalog::load(&sources, &[], &Config::default(), &schema);
    problems.into_iter().filter(|problem| problem.code == "KW0221").collect()
}

async fn texts(web: &WebState, published: &[Published]) -> Result<BTreeMap<String, RevisionText>, Trouble> {
    let wanted: Vec<(&str, &str)> = published.iter().map(|one| (&*one.id, &*one.revision)).collect();
    let texts = web.store.revision_texts(&wanted).await?;
    Ok(texts.into_iter().map(|text| (text.playbook.clone(), text)).collect())
}

/// The names that a playbook had before.
fn names_of_before(playbook: &Option<Playbook>) -> Vec<String> {
    let was = playbook.iter().filter_map(|playbook| playbook.was.as_ref());
    was.flatten().map(|name| name.text.to_string()).collect()
}

fn summary(
    web: &WebState,
    published: Published,
    texts: &mut BTreeMap<String, RevisionText>,
    stopped: &Stopped,
    now: Instant,
) -> Summary {
    let written = texts.remove(&published.id).as_ref().and_then(parse);
    let runs = published.present && !stopped.covers(&published.id);
    let mode = match &written {
        _ if !published.present => Some("paused"),
        _ if !runs => Some("stopped"),
        Some(playbook) => Some(match playbook.mode {
            Mode::Live => "live",
            Mode::Shadow => "shadow",
            Mode::Paused => "paused",
        }),
        None => None,
    };
    let runs = runs && mode != Some("paused");
    let next = written.as_ref().filter(|_| runs).and_then(|playbook| {
        let zone = playbook.timezone.unwrap_or(web.zone);
        Schedule::parse(&playbook.schedule.text, zone).ok()?.next_after(now)
    });
    let schedule = written.as_ref().map(|playbook| when_looked_at(playbook, web.zone));
    Summary {
        href: below("/playbooks", &published.id),
        stop: stopped.stop_of(&published.id).map(PlaybookStop::of),
        id: published.id,
        mode,
        schedule,
        next_slot: next.map(|slot| moment(slot, web.zone)),
        goal: written.as_ref().and_then(|playbook| playbook.goal.as_ref().map(|goal| goal.text.trim().to_owned())),
        contacts: written.as_ref().is_some_and(|playbook| playbook.subject == SubjectKind::Contact),
        was: names_of_before(&written),
        about: written.and_then(|playbook| playbook.about),
        file: published.file,
        gone: !published.present,
        revision: published.revision,
        findings: published.problems,
        trouble: None,
        active: bounded(0),
        held: None,
        runs: Vec::new(),
    }
}

/// When it is looked at next; of one that is looked at each minute nothing is said.
fn next_slots(playbook: &Playbook, zone: Tz, now: Instant) -> Vec<String> {
    if playbook.on.as_ref().is_some_and(|on| on.every_minute) {
        return Vec::new();
    }
    let Ok(schedule) = Schedule::parse(&playbook.schedule.text, playbook.timezone.unwrap_or(zone)) else {
        return Vec::new();
    };
    let slots = std::iter::successors(schedule.next_after(now), |slot| schedule.next_after(*slot));
    slots.take(SLOTS).map(|slot| moment(slot, zone)).collect()
}

/// Of how many the reasons were read at a step, where more have left there.
fn reasons_bound(counts: &[StepCount]) -> Option<i64> {
    counts.iter().any(|one| one.count > REASONS_OF).then_some(REASONS_OF)
}

/// When a playbook is looked at, in words.
fn when_looked_at(playbook: &Playbook, zone: Tz) -> String {
    let schedule = format!("{} {}", playbook.schedule.text, playbook.timezone.unwrap_or(zone).name());
    let Some(on) = &playbook.on else { return schedule };
    let event = on.event.text.trim();
    let after = Some(on.after.num_seconds()).filter(|seconds| *seconds != 0).map(Duration::Seconds);
    match (on.every_minute, after) {
        (true, None) => say!("on {event}", event = event),
        (true, Some(after)) => say!("on {event}, after {span}", event = event, span = after),
        (false, None) => say!("{schedule}, on {event}", schedule = schedule, event = event),
        (false, Some(after)) => {
            say!("{schedule}, on {event}, after {span}", schedule = schedule, event = event, span = after)
        }
    }
}

/// A run, and whom it would touch where it is held.
async fn run_shown(web: &WebState, run: RunRow) -> Result<RunView, Trouble> {
    let sample = match run.state.as_str() {
        "held" => web.store.held_sample(&run.playbook, run.slot, SAMPLE).await?,
        _ => Vec::new(),
    };
    let detail = |one: &HeldRow| Detail {
        account: held_name(one),
        account_href: account_href(&one.account_id),
        message: one.read(),
    };
    let sample = sample.iter().map(detail).collect();
    Ok(RunView { sample, ..run_view(run, web.zone) })
}
