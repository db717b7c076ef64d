//! Playbooks as they are in force: when they run, what the last runs did, and
//! what waits for a person.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value as Json;

use super::WebState;
use super::page::{Frame, Trouble, Web, below, href, moment};
use crate::catalog;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::playbook::schedule::Schedule;
use crate::playbook::source::SourceFile;
use crate::playbook::{Mode, Playbook, SubjectKind};
use crate::store::enrollments::holdout::ArmComparison;
use crate::store::runs::playbooks::{Published, RevisionText};
use crate::store::runs::run_id;
use crate::store::upkeep::stopped::{Stop, Stopped};
use crate::store::views::web::{EnrollmentRow, HeldRow, RunRow, Usefulness};

/// How many runs and enrollments the page of one playbook shows.
const RUNS: i64 = 10;
const ENROLLMENTS: i64 = 50;

/// How far back the judgements on tasks are counted.
const JUDGED: chrono::Duration = chrono::Duration::days(90);

/// How many of those who wait in a held run are named.
const SAMPLE: i64 = 10;

/// How many undecided subjects of a run are named.
const DETAILS: usize = 20;

#[derive(Serialize)]
struct List {
    broken: Vec<Broken>,
    playbooks: Vec<Summary>,
}

#[derive(Serialize)]
struct Broken {
    file: String,
    findings: Json,
}

/// A playbook as far as its published text says.
#[derive(Serialize)]
struct Summary {
    id: String,
    href: String,
    about: Option<String>,
    /// `None` when this version cannot read the text.
    mode: Option<&'static str>,
    schedule: Option<String>,
    next_slot: Option<String>,
    goal: Option<String>,
    contacts: bool,
    file: String,
    /// Whether its file was taken away, which pauses it.
    gone: bool,
    revision: String,
    findings: Json,
    active: i64,
    held: i64,
    /// By whom and why it is stopped, if it is itself.
    stop: Option<String>,
    runs: Vec<RunView>,
}

#[derive(Serialize)]
struct RunView {
    id: String,
    state: String,
    when: String,
    kind: String,
    reason: Option<String>,
    candidates: i64,
    enrolled: i64,
    ghosts: i64,
    waiting: Option<i64>,
    approved_by: Option<String>,
    skipped: Vec<Skipped>,
    /// Some of those who wait in it, with what was read of them.
    sample: Vec<Detail>,
    details: Vec<Detail>,
    more_details: usize,
}

#[derive(Serialize)]
struct Skipped {
    reason: String,
    count: i64,
}

#[derive(Serialize)]
struct Detail {
    account: String,
    message: String,
}

#[derive(Serialize)]
struct Single {
    playbook: Summary,
    messages_href: String,
    counts: Vec<Count>,
    runs: Vec<RunView>,
    enrollments: Vec<EnrollmentView>,
    tasks: Option<Judged>,
    holdout: Option<HoldoutView>,
    behind: Vec<BehindView>,
    more: i64,
}

/// Those who stand at a step of an earlier revision.
#[derive(Serialize)]
struct BehindView {
    revision: String,
    published: String,
    step: String,
    count: i64,
}

/// How the accounts that are held out fare.
#[derive(Serialize)]
struct HoldoutView {
    told: String,
    /// What the ghosts did without, the kind as the reason.
    counted: Vec<Skipped>,
}

/// How useful its tasks were, as people judged them.
#[derive(Serialize)]
struct Judged {
    percent: Option<i64>,
    done: i64,
    dismissed: i64,
    closed: i64,
    poor: bool,
    reasons: Vec<Skipped>,
}

#[derive(Serialize)]
struct Count {
    state: String,
    count: i64,
}

#[derive(Serialize)]
struct EnrollmentView {
    account: String,
    account_name: String,
    contact: Option<String>,
    state: String,
    shadow: bool,
    reason: Option<String>,
    step: Option<String>,
    due: Option<String>,
    started: String,
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
    let counts = web.store.enrollment_counts().await?;
    let now = web.clock.now();
    let mut page = List { broken: Vec::new(), playbooks: Vec::new() };
    for one in published {
        let mut summary = summary(&web, one, &mut texts, &stopped, now);
        if summary.findings.as_array().is_some_and(|list| !list.is_empty()) {
            page.broken.push(Broken { file: summary.file.clone(), findings: summary.findings.clone() });
        }
        let count = |state: &str| {
            let found = counts.iter().find(|(playbook, of, _)| *playbook == summary.id && of == state);
            found.map_or(0, |(_, _, count)| *count)
        };
        (summary.active, summary.held) = (count("active"), count("held"));
        summary.runs = runs.remove(&summary.id).unwrap_or_default();
        page.playbooks.push(summary);
    }
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "playbooks.html", page)
}

/// One playbook.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let published = web.store.published().await?.into_iter().find(|one| one.id == id);
    let published = published.ok_or(Trouble::NotFound("There is no such playbook."))?;
    let stopped = web.store.stopped().await?;
    let mut texts = texts(&web, std::slice::from_ref(&published)).await?;
    let runs = web.store.runs_of(&id, RUNS).await?;
    let counts: Vec<Count> = web
        .store
        .enrollment_counts()
        .await?
        .into_iter()
        .filter(|(playbook, _, _)| *playbook == id)
        .map(|(_, state, count)| Count { state, count })
        .collect();
    let rows = web.store.enrollments_of(&id, ENROLLMENTS).await?;
    let now = web.clock.now();
    let judged = web.store.usefulness(&id, now - JUDGED).await?;
    let mut shown = Vec::new();
    for run in runs {
        shown.push(run_shown(&web, run).await?);
    }
    let compared = web.store.compare_arms(Some(&id)).await?.remove(&id);
    let behind = web.store.behind(&id).await?.into_iter().map(|one| BehindView {
        published: moment(one.published_at, web.zone),
        revision: one.revision,
        step: one.step,
        count: one.count,
    });
    let all: i64 = counts.iter().map(|one| one.count).sum();
    let page = Single {
        playbook: summary(&web, published, &mut texts, &stopped, now),
        tasks: tasks(judged),
        holdout: compared.map(holdout),
        behind: behind.collect(),
        messages_href: href("/messages", &[("playbook", &id)]),
        more: (all - rows.len() as i64).max(0),
        counts,
        runs: shown,
        enrollments: rows.into_iter().map(|row| enrollment_view(row, web.zone)).collect(),
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "playbook.html", page)
}

fn holdout(compared: ArmComparison) -> HoldoutView {
    let counted = compared.counted.into_iter().map(|(reason, count)| Skipped { reason, count });
    HoldoutView { told: sentence(&compared.comparison.told()), counted: counted.collect() }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(['.']).collect()
}

/// `None` when no task ended.
fn tasks(judged: Usefulness) -> Option<Judged> {
    let judged_at_all = judged.done + judged.dismissed;
    (judged_at_all + judged.closed > 0).then(|| Judged {
        percent: judged.percent(),
        // Too few judgements condemn nobody.
        poor: judged_at_all >= 5 && judged.dismissed * 10 > judged_at_all * 6,
        done: judged.done,
        dismissed: judged.dismissed,
        closed: judged.closed,
        reasons: judged.reasons.into_iter().map(|(reason, count)| Skipped { reason, count }).collect(),
    })
}

async fn texts(web: &WebState, published: &[Published]) -> Result<BTreeMap<String, RevisionText>, Trouble> {
    let wanted: Vec<(&str, &str)> = published.iter().map(|one| (&*one.id, &*one.revision)).collect();
    let texts = web.store.revision_texts(&wanted).await?;
    Ok(texts.into_iter().map(|text| (text.playbook.clone(), text)).collect())
}

fn summary(
    web: &WebState,
    published: Published,
    texts: &mut BTreeMap<String, RevisionText>,
    stopped: &Stopped,
    now: Instant,
) -> Summary {
    let written: Option<Playbook> = texts.remove(&published.id).and_then(|text| {
        let file = SourceFile { path: text.file.into(), text: text.text.into() };
        catalog::parse(&file, &mut Vec::new())
    });
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
    let schedule = written
        .as_ref()
        .map(|playbook| format!("{} {}", playbook.schedule.text, playbook.timezone.unwrap_or(web.zone).name()));
    Summary {
        href: below("/playbooks", &published.id),
        stop: stopped.stop_of(&published.id).map(Stop::describe),
        id: published.id,
        mode,
        schedule,
        next_slot: next.map(|slot| moment(slot, web.zone)),
        goal: written.as_ref().and_then(|playbook| playbook.goal.as_ref().map(|goal| goal.text.trim().to_owned())),
        contacts: written.as_ref().is_some_and(|playbook| playbook.subject == SubjectKind::Contact),
        about: written.and_then(|playbook| playbook.about),
        file: published.file,
        gone: !published.present,
        revision: published.revision,
        findings: published.problems,
        active: 0,
        held: 0,
        runs: Vec::new(),
    }
}

/// A run, and whom it would touch where it is held.
async fn run_shown(web: &WebState, run: RunRow) -> Result<RunView, Trouble> {
    let sample = match run.state.as_str() {
        "held" => web.store.held_sample(&run.playbook, run.slot, SAMPLE).await?,
        _ => Vec::new(),
    };
    let named = |one: &HeldRow| {
        let account = one.account_name.as_ref().unwrap_or(&one.account_id);
        one.contact_name.as_ref().map_or(account.clone(), |contact| format!("{account}, {contact}"))
    };
    let sample = sample.iter().map(|one| Detail { account: named(one), message: one.read() }).collect();
    Ok(RunView { sample, ..run_view(run, web.zone) })
}

fn run_view(run: RunRow, zone: Tz) -> RunView {
    let mut skipped: Vec<Skipped> = run
        .skipped
        .as_object()
        .into_iter()
        .flatten()
        .map(|(reason, count)| Skipped { reason: reason.clone(), count: count.as_i64().unwrap_or_default() })
        .collect();
    skipped.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    let details: Vec<Detail> = run
        .details
        .as_array()
        .into_iter()
        .flatten()
        .map(|detail| {
            let text = |key: &str| detail.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let subject = SubjectId { account: text("account"), contact: text("contact") };
            Detail { account: subject.to_string(), message: text("message") }
        })
        .collect();
    RunView {
        id: run_id(&run.playbook, run.slot),
        when: moment(run.slot, zone),
        waiting: run.ceiling.filter(|_| run.state == "held"),
        state: run.state,
        kind: run.kind,
        reason: run.reason,
        candidates: run.candidates,
        enrolled: run.enrolled,
        ghosts: run.ghosts,
        approved_by: run.approved_by,
        sample: Vec::new(),
        skipped,
        more_details: details.len().saturating_sub(DETAILS),
        details: details.into_iter().take(DETAILS).collect(),
    }
}

fn enrollment_view(row: EnrollmentRow, zone: Tz) -> EnrollmentView {
    EnrollmentView {
        account_name: row.account_name.unwrap_or_else(|| row.account_id.clone()),
        account: row.account_id,
        contact: row.contact_name,
        state: row.state,
        shadow: row.shadow,
        reason: row.reason,
        step: row.step,
        due: row.due_at.map(|at| moment(at, zone)),
        started: moment(row.started_at, zone),
    }
}
