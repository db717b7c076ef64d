//! Runs that wait for a person: why, whom they would touch and with what, and
//! that person's word.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;
use serde::Serialize;

use super::WebState;
use super::fact::{self, Fact, number};
use super::page::{Frame, Notice, Trouble, Web, account_href, below};
use super::playbook_views::{RunView, held_name, run_view};
use super::visitor::Visitor;
use crate::catalog;
use crate::clock::Instant;
use crate::ids::Word;
use crate::playbook::source::SourceFile;
use crate::playbook::{Step, StepBody};
use crate::store::runs::releases::{ReleaseAnswer, ReleasePace};
use crate::store::runs::{parse_run_id, run_id};
use crate::store::views::web::{HeldOfCsm, HeldRow, RunRow};

/// How many of those who wait are named.
const NAMED: i64 = 500;

const UNKNOWN: Trouble = Trouble::NotFound("There is no such run.");

/// A run in the list.
#[derive(Serialize)]
struct HeldRun {
    playbook: String,
    run: RunView,
}

#[derive(Serialize)]
struct ListPage {
    runs: Vec<HeldRun>,
}

/// What one CSM's customers would get.
#[derive(Serialize)]
struct CsmShare {
    csm: Option<String>,
    accounts: i64,
    waiting: i64,
    mrr: Option<String>,
    open_tasks: i64,
}

/// Somebody who waits.
#[derive(Serialize)]
struct Waiting {
    name: String,
    href: String,
    facts: Vec<Fact>,
}

/// A step of the way ahead of those who wait.
#[derive(Serialize)]
struct StepAhead {
    id: String,
    kind: String,
}

#[derive(Serialize)]
struct RunPage {
    playbook: String,
    playbook_href: String,
    about: Option<String>,
    run: RunView,
    csms: Vec<CsmShare>,
    steps: Vec<StepAhead>,
    waiting: Vec<Waiting>,
    more: i64,
}

/// All of them.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    let runs = web.store.held_runs().await?;
    let held = |run: RunRow| HeldRun { playbook: run.playbook.clone(), run: run_view(run, web.zone) };
    let runs = runs.into_iter().map(held).collect();
    Frame::new(&web, "approvals", None).await?.page(StatusCode::OK, "approvals.html", ListPage { runs })
}

/// One of them.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    page(&web, &playbook, slot, StatusCode::OK, None).await
}

/// A person lets them in.
pub(super) async fn approve(State(web): Web, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    let answer =
        web.store.approve_run(&playbook, slot, ReleasePace::Ramp, Word::new(visitor.actor(), web.clock.now())).await?;
    respond(&web, &playbook, slot, answer).await
}

/// A person drops the run.
pub(super) async fn discard(State(web): Web, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Trouble> {
    let (playbook, slot) = resolve_run(&web, &id).await?;
    let answer = web.store.discard_run(&playbook, slot, Word::new(visitor.actor(), web.clock.now())).await?;
    respond(&web, &playbook, slot, answer).await
}

/// The run by its playbook's name of now: a mail may say the one of before.
async fn resolve_run(web: &WebState, id: &str) -> Result<(String, Instant), Trouble> {
    let (playbook, slot) = parse_run_id(id).ok_or(UNKNOWN)?;
    Ok((web.store.name_of_now(&playbook).await?, slot))
}

async fn respond(web: &WebState, playbook: &str, slot: Instant, answer: ReleaseAnswer) -> Result<Response, Trouble> {
    let words = match answer {
        ReleaseAnswer::Taken | ReleaseAnswer::Already => {
            return Ok(Redirect::to(&below("/approvals", &run_id(playbook, slot))).into_response());
        }
        ReleaseAnswer::Unknown => return Err(UNKNOWN),
        ReleaseAnswer::NotHeld => "Nobody waits in this run any more, so nothing has changed.",
        ReleaseAnswer::UnderWay => "The run is just being released: try again in a minute.",
        ReleaseAnswer::Outdated => "The playbook has changed since; its next run decides anew.",
    };
    page(web, playbook, slot, StatusCode::CONFLICT, Some(Notice::error(words.to_owned()))).await
}

async fn page(
    web: &WebState,
    playbook: &str,
    slot: Instant,
    status: StatusCode,
    notice: Option<Notice>,
) -> Result<Response, Trouble> {
    let row = web.store.run_row(playbook, slot).await?.ok_or(UNKNOWN)?;
    let (csms, waiting) = match row.state.as_str() {
        "held" => {
            let csms = web.store.held_by_csm(playbook, slot).await?;
            (csms, web.store.held_sample(playbook, slot, NAMED).await?)
        }
        _ => (Vec::new(), Vec::new()),
    };
    let (about, steps) = read_steps(web, playbook, &row.revision).await?;
    let all: i64 = csms.iter().map(|one| one.waiting).sum();
    let body = RunPage {
        playbook: playbook.to_owned(),
        playbook_href: below("/playbooks", playbook),
        about,
        run: run_view(row, web.zone),
        more: (all - waiting.len() as i64).max(0),
        csms: csms.into_iter().map(view_csm).collect(),
        steps,
        waiting: waiting.iter().map(|one| view_waiting(one, web.zone)).collect(),
    };
    Frame::new(web, "approvals", notice).await?.page(status, "approval.html", body)
}

/// What the revision of a run is for, and its steps in the order of the text.
async fn read_steps(
    web: &WebState,
    playbook: &str,
    revision: &str,
) -> Result<(Option<String>, Vec<StepAhead>), Trouble> {
    let text = web.store.revision_texts(&[(playbook, revision)]).await?.pop();
    let parsed = text.and_then(|text| {
        let file = SourceFile { path: text.file.into(), text: text.text.into() };
        catalog::parse(&file, &mut Vec::new())
    });
    let Some(parsed) = parsed else { return Ok((None, Vec::new())) };
    // The ways of a branch are listed, and it does nothing itself.
    let steps = Step::walk(&parsed.steps).into_iter().filter(|step| !matches!(step.body, StepBody::Branch(_)));
    let steps = steps.map(|step| StepAhead { id: step.id.clone(), kind: step.kind.clone() }).collect();
    Ok((parsed.about, steps))
}

fn view_csm(one: HeldOfCsm) -> CsmShare {
    let HeldOfCsm { csm, accounts, waiting, mrr, open_tasks } = one;
    CsmShare { csm, accounts, waiting, mrr: mrr.map(number), open_tasks }
}

fn view_waiting(one: &HeldRow, zone: Tz) -> Waiting {
    Waiting { name: held_name(one), href: account_href(&one.account_id), facts: fact::all(&one.evidence, zone) }
}
